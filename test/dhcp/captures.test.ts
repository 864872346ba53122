import { describe, expect, it } from "vitest";
import { planBoot } from "../../src/boot/policy.ts";
import { OfferStyleTable } from "../../src/boot/offer-style.ts";
import { decide, type Role } from "../../src/dhcp/handlers/decide.ts";
import type { Effect } from "../../src/dhcp/handlers/effects.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../src/dhcp/leases/offer-table.ts";
import type { Link } from "../../src/dhcp/link.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { type DhcpRequest, readRequest } from "../../src/dhcp/message/request.ts";
import { concat, fromText, toHex } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { negotiate } from "../../src/tftp/wire/option-negotiation.ts";
import { decodePacket as decodeTftp } from "../../src/tftp/wire/packet.ts";
import { firmwareRequests, fullLink, policy, proxyLink, sent } from "../support/dhcp.ts";
import {
  askedOf,
  labAddressServer,
  labBootServer,
  labCapture,
  labClient,
  labScenarios,
} from "../support/lab.ts";
import type { Datagram } from "../support/pcap.ts";

/*
 * Our answers to every request that real firmware sent in the laboratory: of the shape with which it
 * booted there, and none where an answer would have done harm. The measurements say of each rule what
 * firmware does without it: EDK2 passes over offers without option 54, EDK2 and iPXE over a proxy's
 * without 60; and so on.
 */

/** How often each scenario's machine asked whom: nothing of a capture is passed over. */
interface Row {
  readonly mode: "proxy" | "full";
  readonly discovers: number;
  /** Each is for the site's DHCP server, which in mode full is us. */
  readonly requests: number;
  /** To our port 4011. */
  readonly bootServer: number;
  /** To somebody else's port 4011. */
  readonly elsewhere: number;
  readonly reads: number;
}

function row(mode: Row["mode"], counts: readonly [number, number, number, number]): Row {
  const [discovers, requests, bootServer, reads] = counts;
  return { mode, discovers, requests, bootServer, elsewhere: 0, reads };
}

const usual = row("proxy", [1, 1, 0, 2]);
const detour = row("proxy", [1, 1, 1, 2]);
const ipxe = row("proxy", [1, 1, 0, 1]);
const helpless = row("proxy", [4, 0, 0, 0]);
const unbeatable = { ...row("proxy", [1, 1, 0, 0]), elsewhere: 4 };

const table: Readonly<Record<string, Row>> = {
  A_std43: usual,
  B2_no54_no43: helpless,
  B_no54: helpless,
  C2_4011_src67: detour,
  C3_4011_noreply: row("proxy", [1, 1, 4, 0]),
  C4_4011_no60: detour,
  C_no43_4011: detour,
  D2_main60_no43: unbeatable,
  D_main60_43: unbeatable,
  E_mainfile: usual,
  F2_67_nonul_end: usual,
  F_67_nonul_97: usual,
  G2_oack_win: usual,
  G_oack_extra: usual,
  H_short: usual,
  I_late3: usual,
  I_late6: row("proxy", [2, 1, 0, 2]),
  J_no60: helpless,
  K_padmid: usual,
  L_zero_len: usual,
  M_single: usual,
  N_opt13: row("proxy", [1, 1, 0, 1]),
  O2_http_as_pxe: usual,
  O3_http_no54: usual,
  O4_http_name: usual,
  O_http: usual,
  P_ipxe_chain: usual,
  Q_two_proxies_bit3_43_8: usual,
  R_si0: usual,
  T_oack_timeout: usual,
  U1_full_fileonly: row("full", [1, 1, 0, 2]),
  U2_full_60_43: row("full", [1, 1, 0, 2]),
  U3_full_60only: { ...row("full", [1, 1, 0, 2]), elsewhere: 1 },
  X10_ipxe_nonul: ipxe,
  X11_ipxe_roll: ipxe,
  X12_ipxe_script_dhcp: ipxe,
  X12b_ipxe_ifconf_c_dhcp: ipxe,
  X2_ipxe_no43: ipxe,
  X3_ipxe_nosi: row("proxy", [1, 1, 1, 1]),
  X4_ipxe_4011_src67: row("proxy", [1, 1, 4, 0]),
  X5_ipxe_noproxy: row("full", [2, 1, 0, 1]),
  X6_ipxe_nopxedhcp: row("full", [1, 1, 0, 1]),
  X7_ipxe_no60: row("proxy", [2, 1, 0, 0]),
  X8_ipxe_no54: ipxe,
  X9_ipxe_late3: row("proxy", [2, 1, 0, 0]),
  X_ipxe_final: ipxe,
};

const subnet = { network: "10.0.0.0", prefixLength: 24 };
const links: { readonly [Mode in Row["mode"]]: Link } = {
  proxy: { ...proxyLink, address: labBootServer, subnet },
  full: {
    ...fullLink,
    address: labAddressServer,
    subnet,
    full: { ...fullLink.full, pools: [{ first: labClient, last: labClient }] },
  },
};

/**
 * Our server with what it leases meanwhile. It keeps no other memory: each request is answered as a
 * machine's first one is.
 */
class Server {
  readonly #leases = new LeaseTable();
  readonly link: Link;

  constructor(link: Link) {
    this.link = link;
  }

  answer(request: DhcpRequest, role: Role): readonly Effect[] {
    const { address } = this.link;
    const effects = decide(
      request,
      this.link,
      role,
      {
        plan: (client, node) => planBoot(client, node, policy, `http://${address}:8080`),
        findNode: () => null,
        reservedFor: () => null,
        leases: this.#leases,
        offerStyles: new OfferStyleTable(),
        offers: new OfferTable(),
        smee: null,
      },
      1_800_000_000_000,
    );
    for (const effect of effects) if (effect.kind === "record") this.#leases.put(effect.lease, 0);
    return effects;
  }
}

function requestOf({ payload, source }: Datagram): DhcpRequest {
  return readRequest(decodePacket(payload), source);
}

/** What is wrong with how the options of a reply are laid out; empty when nothing is. */
function faultsOf(bytes: Uint8Array): readonly string[] {
  const faults: string[] = [];
  const codes: number[] = [];
  let at = 240;
  for (; bytes[at] !== 255 && at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
    const code = bytes[at] ?? 0;
    // The Raspberry Pi ignores replies with pads in them, old ROMs such with empty options, and what
    // reads the header raw (U-Boot, shim) knows no overload.
    if (code === 0) return ["a pad between the options"];
    if (code === 52) faults.push("overload");
    if (bytes[at + 1] === 0) faults.push(`option ${code} is empty`);
    codes.push(code);
  }
  if (bytes[at] !== 255) faults.push("no End");
  if (bytes.subarray(at + 1).some((byte) => byte !== 0)) faults.push("something behind End");
  const [first, ...rest] = codes;
  if (first !== 53) faults.push("option 53 is not the first");
  const atTheEnd = [67, 82].filter((code) => rest.includes(code));
  const others = rest.filter((code) => !atTheEnd.includes(code)).toSorted((a, b) => a - b);
  if (rest.join() !== [...others, ...atTheEnd].join()) faults.push("not in order");
  if (bytes.length < 300) faults.push("shorter than BOOTP");
  if (bytes.length > 1472) faults.push("longer than EDK2 takes");
  return faults;
}

/** Option 67 and the header name the same file, with NUL behind it. */
function named(file: string): { file: string; option67: Uint8Array } {
  return { file, option67: concat([fromText(file), Uint8Array.of(0)]) };
}

/** The fields that decide whether firmware boots. */
function shapeOf(packet: DhcpPacket) {
  const { op, yiaddr, siaddr, file, options } = packet;
  const hex = (code: number) => {
    const value = options.get(code);
    return value === undefined ? null : toHex(value);
  };
  return {
    op,
    yiaddr,
    siaddr,
    file,
    type: hex(53),
    option43: hex(43),
    option54: hex(54),
    option60: hex(60),
    option66: hex(66),
    option67: options.get(67),
    option175: hex(175),
  };
}

/** What a machine is told to boot by us. */
function bootFileFor({ client, mac }: DhcpRequest, address: string): string {
  const folder = `http://${address}:8080/${mac}/`;
  if (client.ipxe) return `${folder}boot.ipxe`;
  const loaders = new Map([
    [0, "undionly.kpxe"],
    [7, "ipxe.efi"],
    [16, "ipxe.efi"],
    [19, "snp-arm64.efi"],
  ]);
  const loader = loaders.get(client.architectures[0] ?? -1) ?? "none";
  return client.transport === "http" ? `${folder}${loader}` : loader;
}

function bootShape(request: DhcpRequest, address: string) {
  return {
    op: 2,
    siaddr: address,
    ...named(bootFileFor(request, address)),
    option54: toHex(ip4ToBytes(address)),
    option66: toHex(fromText(address)),
  };
}

const discovery = "060108ff";

function proxyShape(request: DhcpRequest) {
  const vendorClass = request.client.transport === "http" ? "HTTPClient" : "PXEClient";
  return {
    ...bootShape(request, labBootServer),
    type: "02",
    yiaddr: "0.0.0.0",
    option43: discovery,
    option60: toHex(fromText(vendorClass)),
    option175: null,
  };
}

/** With option 60 in the offer of an address EDK2 would look for a boot server; iPXE need not wait. */
function fullShape(request: DhcpRequest, type: string) {
  return {
    ...bootShape(request, labAddressServer),
    type,
    yiaddr: labClient,
    option43: discovery,
    option60: null,
    option175: request.client.ipxe ? "b00101" : null,
  };
}

/** Discovery control would send firmware back that came here because it disregards that. */
function bootServerShape(request: DhcpRequest) {
  return { ...proxyShape(request), type: "05", option43: null };
}

/** The one answer, where it goes and what is wrong with it; null for silence. */
function answerOf(effects: readonly Effect[]) {
  const [send, ...rest] = sent(effects);
  if (send === undefined) return null;
  const shape = shapeOf(send.packet);
  return { ...shape, to: send.to, faults: faultsOf(encodePacket(send.packet)), more: rest.length };
}

/** An answer of that shape, without faults. */
function booting(shape: object, to: object) {
  return { ...shape, to, faults: [], more: 0 };
}

const everyone = { address: "255.255.255.255", port: 68 };

describe("the captures", () => {
  it("are all in the table", () => {
    expect(Object.keys(table).toSorted()).toEqual(labScenarios);
    expect(labScenarios).toHaveLength(46);
  });
});

describe.each(labScenarios)("the requests in %s", (scenario) => {
  const expected = table[scenario] ?? row("proxy", [0, 0, 0, 0]);
  const server = new Server(links[expected.mode]);
  const datagrams = labCapture(scenario);
  const asked = askedOf(67, datagrams).map(requestOf);
  const discovers = asked.filter(({ messageType }) => messageType === 1);
  const requests = asked.filter(({ messageType }) => messageType === 3);
  const toBootServers = askedOf(4011, datagrams);
  const ours = (one: Datagram) => one.destination.address === server.link.address;
  const bootServer = toBootServers.filter(ours).map(requestOf);
  const reads = askedOf(69, datagrams).flatMap(({ payload }) => {
    const packet = decodeTftp(payload);
    return packet.opcode === "rrq" ? [packet.options] : [];
  });

  it("are as many as the table says", () => {
    expect({
      mode: expected.mode,
      discovers: discovers.length,
      requests: requests.length,
      bootServer: bootServer.length,
      elsewhere: toBootServers.length - bootServer.length,
      reads: reads.length,
    }).toEqual(expected);
    expect(discovers.length + requests.length).toBe(asked.length);
  });

  it("are answered with what boots", () => {
    const { mode } = expected;
    expect(discovers.map((request) => answerOf(server.answer(request, "server")))).toEqual(
      discovers.map((request) =>
        booting(mode === "proxy" ? proxyShape(request) : fullShape(request, "02"), everyone),
      ),
    );
    // In mode proxy they are for the site's server: never acknowledged by us.
    expect(requests.map(({ serverId }) => serverId)).toEqual(requests.map(() => labAddressServer));
    expect(requests.map((request) => answerOf(server.answer(request, "server")))).toEqual(
      requests.map((request) =>
        mode === "proxy" ? null : booting(fullShape(request, "05"), everyone),
      ),
    );
    // EDK2 asks from port 4011, iPXE from 68, and each listens there.
    expect(bootServer.map((request) => answerOf(server.answer(request, "boot-server")))).toEqual(
      bootServer.map((request) =>
        booting(bootServerShape(request), {
          address: labClient,
          port: request.client.ipxe ? 68 : 4011,
        }),
      ),
    );
  });

  it("to read a file get an OACK with nothing that was not asked for, and nothing larger", () => {
    const size = 300_000;
    const limits = { maxBlockSize: 65464, maxWindowSize: 65535 };
    const acknowledged = reads.map((asks) => [...(negotiate(asks, limits, size).oack ?? [])]);
    expect(acknowledged).toEqual(
      reads.map((asks) =>
        Array.from(asks, ([name, value]) => [name, name === "tsize" ? String(size) : value]),
      ),
    );
    const small = { maxBlockSize: 1000, maxWindowSize: 2 };
    const lowered = reads.map((asks) => negotiate(asks, small, size).oack?.get("blksize"));
    expect(lowered).toEqual(reads.map(() => "1000"));
  });
});

describe("UEFI HTTP boot, whose requests the captures lack", () => {
  const asking = firmwareRequests()
    .map(requestOf)
    .filter(({ client, messageType }) => client.transport === "http" && messageType === 1);

  it("is answered with HTTPClient and a URL", () => {
    expect(asking.length).toBeGreaterThan(0);
    const server = new Server(links.proxy);
    expect(asking.map((request) => answerOf(server.answer(request, "server")))).toEqual(
      asking.map((request) => booting(proxyShape(request), everyone)),
    );
  });
});
