import { usualMacInUrls } from "../../../src/boot/machine-urls.ts";
import { describe, expect, it } from "vitest";
import { planBoot } from "../../../src/boot/policy.ts";
import { parseTraceparent } from "../../../src/boot/trace-context.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { decide } from "../../../src/dhcp/handlers/decide.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { toHex } from "../../../src/lib/bytes.ts";
import { DecodeError } from "../../../src/lib/errors.ts";
import { createInventory } from "../../../src/nodes/inventory.ts";
import { parseNodes } from "../../../src/nodes/nodes-file.ts";
import { fullLink, policy, proxyLink, sent } from "../../support/dhcp.ts";
import { mutated, type Random, randomNumbers } from "../../support/random.ts";
import {
  type Reference,
  referenceAnswer,
  type SmeeRecord,
  type SmeeSite,
} from "../../support/smee-reference.ts";
import { httpPortOf } from "../../support/smee-site.ts";
import {
  type SmeeVector,
  smeeVectors,
  vectorAddress,
  vectorTrace,
} from "../../support/smee-vectors.ts";
import { cases } from "../../support/cases.ts";

const full: SmeeRecord = {
  address: "192.168.2.153",
  netmask: "255.255.255.0",
  gateway: "192.168.2.1",
  nameServers: ["8.8.8.8", "1.1.1.1"],
  timeServers: ["132.163.96.2"],
  hostname: "pxe-virtualbox",
  domain: "example.com",
  search: ["example.com"],
  broadcast: "192.168.2.255",
  leaseSeconds: 86400,
  allowPxe: true,
  disabled: false,
  binary: null,
  scriptUrl: null,
  tftpServerName: null,
  bootFileName: null,
  routes: [],
};
const bare: SmeeRecord = {
  ...full,
  gateway: null,
  nameServers: [],
  timeServers: [],
  hostname: "",
  domain: "",
  search: [],
  broadcast: null,
  leaseSeconds: 0,
};

function recordOf({ hardware }: SmeeVector): SmeeRecord | null {
  const changes: Readonly<Record<string, Partial<SmeeRecord> | null>> = {
    none: null,
    nopxe: { allowPxe: false },
    min: bare,
    noip: { ...bare, address: null, netmask: null },
    o6667: { tftpServerName: "10.1.1.1", bootFileName: "onie-installer" },
    bin: { binary: "snp-x86_64.efi" },
    script: { scriptUrl: "https://boot.netboot.xyz" },
    routes: {
      routes: [
        ["10.0.0.0", 8, "192.168.2.2"],
        ["192.168.77.0", 25, "192.168.2.3"],
        ["0.0.0.0", 0, "192.168.2.1"],
      ],
    },
  };
  const change = hardware in changes ? changes[hardware] : {};
  return change === null ? null : { ...full, ...change };
}

/** The record as an entry of our nodes file. */
function entryOf(record: SmeeRecord, mac: string): object {
  const { tftpServerName, bootFileName } = record;
  return {
    mac,
    address: record.address,
    netmask: record.netmask,
    router: record.gateway,
    dns: record.nameServers,
    ntp: record.timeServers,
    name: record.hostname === "" ? null : record.hostname,
    domain: record.domain === "" ? null : record.domain,
    domainSearch: record.search,
    broadcast: record.broadcast,
    leaseSeconds: record.leaseSeconds === 0 ? null : record.leaseSeconds,
    netboot: record.allowPxe ? "allow" : "deny",
    dhcp: !record.disabled,
    loader: record.binary,
    scriptUrl: record.scriptUrl,
    options: [
      ...(tftpServerName === null ? [] : [{ code: 66, text: tftpServerName }]),
      ...(bootFileName === null ? [] : [{ code: 67, text: bootFileName }]),
    ],
    routes: record.routes.map(([network, prefix, via]) => ({ to: `${network}/${prefix}`, via })),
  };
}

const base = { address: vectorAddress, subnet: { network: "192.168.2.0", prefixLength: 24 } };
const links: { readonly [Mode in Link["mode"]]: Link } = {
  proxy: { ...proxyLink, ...base },
  full: { ...fullLink, ...base, full: { ...fullLink.full, pools: [] } },
};

/** What we answer in the compatibility of that line. */
function ourAnswer(bytes: Uint8Array, source: string, site: SmeeSite): Reference | null {
  const [address = "", port = ""] = source.split(":");
  let request;
  try {
    request = readRequest(decodePacket(bytes, "strict"), { address, port: Number(port) });
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
  const entries = site.record === null ? [] : [entryOf(site.record, request.mac)];
  const inventory = createInventory(parseNodes(JSON.stringify(entries), "nodes.yaml"));
  const effects = decide(
    request,
    links[site.mode === "reservation" ? "full" : "proxy"],
    "server",
    {
      plan: (client, node) => planBoot(client, node, policy, "http://unused"),
      findNode: inventory.find,
      reservedFor: inventory.reservedFor,
      leases: new LeaseTable(),
      offerStyles: new OfferStyleTable(),
      offers: new OfferTable(),
      smee: {
        flavour: site.line,
        tftpPort: 69,
        httpPort: site.httpPort,
        macInUrls: usualMacInUrls,
        scriptUrl: null,
        loaders: new Map(),
        unknownNodes: site.mode === "proxy" ? "deny" : "allow",
        trace: parseTraceparent(site.traceparent ?? ""),
      },
    },
    1_800_000_000_000,
  );
  const [send] = sent(effects);
  if (send === undefined) return null;
  return {
    destination: `${send.to.address}:${send.to.port}`,
    hex: toHex(encodePacket(send.packet, "by-code")),
  };
}

describe("the reference", () => {
  it.each(smeeVectors)("answers as SMEE does to $flavour $mode $id: $name", (vector) => {
    const { flavour: line, mode, request, source, traced, reply } = vector;
    const site = {
      line,
      mode,
      address: vectorAddress,
      httpPort: httpPortOf(vector),
      record: recordOf(vector),
      traceparent: traced ? vectorTrace : null,
    };
    expect(referenceAnswer(Buffer.from(request, "hex"), source, site)).toEqual(reply);
  });
});

function oneOf<T>(random: Random, choices: readonly [T, ...T[]]): T {
  return choices[random(choices.length)] ?? choices[0];
}

const text = (value: string): Buffer => Buffer.from(value, "latin1");
const hex = (value: string): Buffer => Buffer.from(value, "hex");
const uuid = "00112233445566778899aabbccddeeffff";

/** For each option what requests may hold; null: they lack it. The first is the usual one. */
const values: readonly (readonly [number, readonly [Buffer | null, ...(Buffer | null)[]]])[] = [
  [53, [hex("01"), hex("01"), hex("03"), hex("08"), hex("0101"), hex(""), null]],
  [
    60,
    [
      text("PXEClient:Arch:00007:UNDI:003016"),
      text("HTTPClient:Arch:00016:UNDI:003016"),
      text("PXEClient"),
      text("HTTPClient"),
      text("PXEClien"),
      text("AAPLBSDPC"),
      text(""),
      null,
    ],
  ],
  [
    93,
    [
      hex("0007"),
      ...["0000", "000b", "0010", "0014", "00110007", "00630007", "0063", "0029"].map(hex),
      ...["00240000", "00250006", "000700", "", "00ff", "0009000a"].map(hex),
      null,
    ],
  ],
  [94, [hex("010310"), hex("01"), hex(""), null]],
  [97, [hex(uuid), hex(uuid), hex(""), hex(`01${uuid.slice(2)}`), hex(uuid.slice(2)), null]],
  [77, [null, text("iPXE"), text("Tinkerbell"), text("iPXE\0"), text("\x04iPXE"), text("")]],
  [61, [null, hex("01080027294e67"), hex(""), Buffer.alloc(300, 7)]],
  [82, [null, hex("010465746830"), hex(""), Buffer.alloc(600, 1)]],
  [54, [null, hex("c0a80270"), hex("0a000001")]],
  [50, [null, hex("c0a80299"), hex("0a000001")]],
  [12, [null, text("a-name")]],
];

function randomRequest(random: Random): Buffer {
  const header = Buffer.alloc(240);
  header[0] = oneOf(random, [1, 1, 1, 1, 2, 0, 3]);
  header[1] = oneOf(random, [1, 1, 6, 32]);
  header[2] = oneOf(random, [6, 6, 6, 6, 0, 3, 8, 16, 20, 255]);
  header[3] = random(3);
  header.writeUInt32BE(random(0xffffffff), 4);
  header.writeUInt16BE(random(0xffff), 8);
  header.writeUInt16BE(oneOf(random, [0, 0x8000, 0xffff]), 10);
  hex(oneOf(random, ["00000000", "c0a80299"])).copy(header, 12);
  hex(oneOf(random, ["00000000", "00000000", "c0a80501"])).copy(header, 24);
  const vendors = ["080027", "080027", "080027", "dca632", "b827eb", "e45f01", "28cdc1", "d83add"];
  hex(`${vendors[random(vendors.length)] ?? ""}294e670102030405060708090a`).copy(header, 28);
  header.writeUInt32BE(0x63825363, 236);
  // Now and then an option is in two parts.
  const parts = values.flatMap(([code, choices]) => {
    const value = random(3) === 0 ? oneOf(random, choices) : choices[0];
    if (value === null) return [];
    const cut = random(8) === 0 ? random(value.length + 1) : 0;
    const chunks = [value.subarray(0, cut), value.subarray(cut)].flatMap((chunk, i) =>
      chunk.length === 0 && i === 0 ? [] : splitUp(code, chunk),
    );
    return random(10) === 0 ? [...chunks, Buffer.alloc(1)] : chunks;
  });
  const end = random(40) === 0 ? [] : [Buffer.from([255]), Buffer.alloc(random(60))];
  return Buffer.concat([header, ...parts, ...end]);
}

function splitUp(code: number, value: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < value.length; at += 255) {
    const part = value.subarray(at, at + 255);
    parts.push(Buffer.from([code, part.length]), part);
  }
  return parts;
}

function randomRecord(random: Random): SmeeRecord | null {
  if (random(6) === 0) return null;
  const maybe = <T>(one: T): T | null => (random(3) === 0 ? one : null);
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `10.0.0.${i}`);
  const settled = random(4) > 0;
  return {
    ...oneOf(random, [full, full, bare]),
    address: settled ? "192.168.2.153" : null,
    netmask: settled ? oneOf(random, ["255.255.255.0", "255.255.128.0", "255.255.255.255"]) : null,
    nameServers: numbered(oneOf(random, [0, 1, 2, 70])),
    domain: oneOf(random, ["", "example.com", "example.com."]),
    search: oneOf<readonly string[]>(random, [[], ["a.example"], ["a.example", "b.example."]]),
    broadcast: null,
    allowPxe: random(4) > 0,
    disabled: random(8) === 0,
    binary: null,
    scriptUrl: maybe(`https://boot.example/${"x".repeat(random(140))}`),
    tftpServerName: null,
    ...oneOf<Partial<SmeeRecord>>(random, [
      {},
      {},
      {},
      { bootFileName: "onie", tftpServerName: "10.1.1.1" },
      { bootFileName: "ä".repeat(random(100) + 1) },
    ]),
    routes: maybe<SmeeRecord["routes"]>([["10.0.0.0", 8, "192.168.2.2"]]) ?? [],
  };
}

/** The stand-alone one has no binary in its records, so only the current one is asked about those. */
function randomSite(random: Random, request: Buffer): SmeeSite {
  const line = oneOf<SmeeSite["line"]>(random, ["smee", "smee-standalone"]);
  // An entry names its machine by six bytes.
  const record = request[2] === 6 ? randomRecord(random) : null;
  const binary = line === "smee" && random(4) === 0 ? "snp-x86_64.efi" : null;
  const broadcast = line === "smee" || random(2) === 0 ? null : "192.168.2.255";
  return {
    line,
    mode: oneOf<SmeeSite["mode"]>(random, ["reservation", "proxy", "auto-proxy"]),
    address: vectorAddress,
    httpPort: oneOf(random, [7080, 8080, 65535]),
    record: record === null ? null : { ...record, binary, broadcast },
    traceparent: random(4) === 0 ? vectorTrace : null,
  };
}

const sources = ["0.0.0.0:68", "0.0.0.0:1068", "192.168.2.153:68", "192.168.5.1:67"] as const;

describe("our answers in SMEE's compatibility", () => {
  it.each([
    ["made-up requests", (random: Random) => randomRequest(random)],
    [
      "damaged vectors",
      (random: Random) => {
        const { request } = smeeVectors[random(smeeVectors.length)] ?? { request: "" };
        return Buffer.from(mutated(Buffer.from(request, "hex"), random));
      },
    ],
  ])("are the reference's, byte for byte, to %s", (_, make) => {
    const seed = Date.now() >>> 0;
    const random = randomNumbers(seed);
    let answered = 0;
    for (let i = 0; i < cases(5000); i++) {
      const bytes = make(random);
      const site = randomSite(random, bytes);
      const source = oneOf(random, sources);
      const expected = referenceAnswer(bytes, source, site);
      if (expected !== null) answered += 1;
      const asked = { seed, site, source, request: bytes.toString("hex") };
      const answer = ourAnswer(bytes, source, site);
      expect({ ...asked, answer }).toEqual({ ...asked, answer: expected });
    }
    expect(answered, `with seed ${seed}`).toBeGreaterThan(20);
  });
});
