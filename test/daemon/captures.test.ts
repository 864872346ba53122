import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { z } from "zod";
import { bootDetail, bootsReply } from "../../src/api/boots.ts";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { SiteCaptures } from "../../src/daemon/captures.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { explainPcap } from "../../src/commands/explain-pcap.ts";
import { concat, fromText, toHex, u16 } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { macFromBytes, macToBytes } from "../../src/lib/mac.ts";
import { machineId, message, packetWith } from "../support/dhcp.ts";
import { createInventory } from "../../src/nodes/inventory.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { FakeUdp } from "../support/fake-udp.ts";
import { nodeEntry } from "../support/node-entry.ts";
import { FakeProgram } from "../support/program.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

/* What a running server recorded, downloaded from its admin port. */

let files: ServedSite;
let site: RunningSite;
beforeAll(async () => {
  files = await ServedSite.open();
});
afterAll(() => files.close());

const explainedLine = z.object({ reply: z.object({ hex: z.string() }).optional() });
const macs = ["52:54:00:00:00:01", "52:54:00:00:00:02"] as const;

function discover(mac: string, xid: number) {
  const options = message({
    60: fromText("PXEClient:Arch:00007:UNDI:003001"),
    93: u16(7),
    94: Uint8Array.of(1, 3, 1),
    97: machineId,
  });
  return packetWith(options, { chaddr: macToBytes(mac), xid });
}

async function opened(timeline: object): Promise<RunningSite> {
  const settings = {
    mode: "full",
    compatibility: "standard",
    boot: {},
    nodes: [],
    trace: null,
  } as const;
  const running = await RunningSite.open(files, { ...settings, timeline });
  await running.ask("server", [discover(macs[0], 1)], discover(macs[1], 2));
  return running;
}

async function captureOf(mac: string, query = ""): Promise<Response> {
  const reply = await fetch(`${site.adminUrl}/api/v1/boots?mac=${mac}`);
  const { boots } = bootsReply.parse(await reply.json());
  const id = encodeURIComponent(boots[0]?.id ?? "none");
  return fetch(`${site.adminUrl}/api/v1/boots/${id}/capture${query}`);
}

async function bytesOf(reply: Response): Promise<Uint8Array> {
  return new Uint8Array(await reply.arrayBuffer());
}

describe("the capture of a boot", () => {
  beforeAll(async () => {
    site = await opened({});
  }, 60_000);
  afterAll(() => site.close());

  it("has what its machine asked and what it was answered, and no other machine's packets", async () => {
    const reply = await captureOf(macs[0]);
    expect(reply.headers.get("content-type")).toBe("application/vnd.tcpdump.pcap");
    expect(reply.headers.get("content-disposition")).toMatch(
      /^attachment; filename="52-54-.*\.pcap"$/,
    );
    const found = [...datagramsOf(await bytesOf(reply))].map(({ payload, source }) => ({
      ...decodePacket(payload),
      from: source.address,
    }));
    expect(found.map(({ op, chaddr, xid }) => [op, macFromBytes(chaddr), xid])).toEqual([
      [1, macs[0], 1],
      [2, macs[0], 1],
    ]);
    expect(toHex(encodePacket(discover(macs[0], 1)))).toBe(
      toHex(encodePacket(found[0] ?? discover(macs[1], 0))),
    );
    expect(found[1]?.from).toBe(site.address);
  });

  it("is decoded in the boot, each option with its name and what it says", async () => {
    const reply = await fetch(`${site.adminUrl}/api/v1/boots?mac=${macs[0]}`);
    const id = bootsReply.parse(await reply.json()).boots[0]?.id ?? "none";
    const detail = await fetch(`${site.adminUrl}/api/v1/boots/${encodeURIComponent(id)}`);
    const { packets } = bootDetail.parse(await detail.json());
    expect(packets.map(({ protocol, summary }) => `${protocol} ${summary}`)).toEqual([
      "dhcp DHCPDISCOVER",
      "dhcp DHCPOFFER",
    ]);
    expect(packets[0]?.packet?.options.find(({ code }) => code === 60)).toEqual({
      code: 60,
      name: "Vendor Class Identifier",
      value: "PXEClient:Arch:00007:UNDI:003001",
      hex: toHex(fromText("PXEClient:Arch:00007:UNDI:003001")),
    });
  });

  it("is the same where there is nothing to redact", async () => {
    const whole = await bytesOf(await captureOf(macs[1]));
    expect(toHex(await bytesOf(await captureOf(macs[1], "?redact=true")))).toBe(toHex(whole));
  });

  it("replayed by explain --pcap tells the same answers, with nothing of another machine in it", async () => {
    const [own, other] = macs;
    const [offer] = await site.ask("server", [discover(own, 3)], discover(own, 3));
    const request = {
      ...discover(own, 5),
      options: new Map([
        ...discover(own, 5).options,
        [53, Uint8Array.of(3)],
        [50, ip4ToBytes(offer?.yiaddr ?? "")],
        [54, ip4ToBytes(site.address)],
      ]),
    };
    await site.ask("server", [request], request);
    // What it says of itself names another machine.
    const gossip = {
      ...discover(own, 4),
      options: new Map([
        ...discover(own, 4).options,
        [12, fromText(`of-${other}`)],
        [61, concat([Uint8Array.of(1), macToBytes(other)])],
      ]),
    };
    await site.ask("server", [gossip], gossip);
    const file = await bytesOf(await captureOf(own, "?redact=true"));
    const pcap = join(files.path("loaders"), "boot.pcap");
    writeFileSync(pcap, file);
    const program = new FakeProgram();
    await explainPcap(program, site.configFile, { pcap, interface: null, json: true });
    const explained = program.written
      .trim()
      .split("\n")
      .flatMap((line) => explainedLine.parse(JSON.parse(line)).reply?.hex ?? []);
    const sent = [...datagramsOf(file)]
      .filter(({ payload }) => payload[0] === 2)
      .map(({ payload }) => toHex(payload));
    expect(sent.length).toBeGreaterThanOrEqual(7);
    expect(explained).toEqual(sent);
    expect(toHex(file)).not.toContain(toHex(macToBytes(other)));
    expect(Buffer.from(file).toString("latin1")).not.toContain(other);
  });

  it("is not there for a boot that nobody knows", async () => {
    const reply = await fetch(`${site.adminUrl}/api/v1/boots/nobody%40never/capture`);
    expect([reply.status, await reply.json()]).toEqual([
      404,
      { error: { code: "NOT_FOUND", message: "no boot is kept as nobody@never" } },
    ]);
    expect((await captureOf(macs[0], "?redact=perhaps")).status).toBe(400);
  });
});

test("made-up machines that a wildcard of an entry fits take nothing of what is kept of known ones", async () => {
  const known = "52:54:00:00:00:09";
  const entries = [nodeEntry({ mac: known }), nodeEntry({ wildcards: { mac: "02:*" } })];
  const sessions = new BootSessions();
  const captures = new SiteCaptures({
    sessions,
    inventory: () => createInventory(entries),
    leases: new LeaseTable(),
    ownAddresses: () => [],
    clock: { now: () => 0, wall: () => 0 },
  });
  const network = new FakeUdp();
  const socket = captures.dhcp(await network.open({ address: "127.0.0.1", port: 0 }), {
    address: "192.168.77.1",
    port: 67,
  });
  const to = { address: "192.168.77.50", port: 68 };
  socket.send(encodePacket(discover(known, 1)), to);
  for (let n = 0; n < 4200; n += 1) {
    socket.send(
      encodePacket(discover(`02:00:00:00:${toHex(u16(n)).replace(/^../, "$&:")}`, 2)),
      to,
    );
  }
  const seen = { mac: known, address: null };
  const boot = sessions.record("discover", seen, {}, { nowMs: 0, wallMs: 0 });
  expect(captures.packetsOf(boot)).toHaveLength(1);
});

describe("the capture of a boot, with timeline.captures: false", () => {
  beforeAll(async () => {
    site = await opened({ captures: false });
  }, 60_000);
  afterAll(() => site.close());

  it("is not kept, and that is said", async () => {
    const reply = await captureOf(macs[0]);
    expect(reply.status).toBe(404);
    expect(JSON.stringify(await reply.json())).toContain("timeline.captures is false");
  });
});
