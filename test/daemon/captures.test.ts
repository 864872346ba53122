import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootDetail, bootsReply } from "../../src/api/boots.ts";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { fromText, toHex, u16 } from "../../src/lib/bytes.ts";
import { macFromBytes, macToBytes } from "../../src/lib/mac.ts";
import { machineId, message, packetWith } from "../support/dhcp.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

/* What a running server recorded, downloaded from its admin port. */

let files: ServedSite;
let site: RunningSite;
beforeAll(async () => {
  files = await ServedSite.open();
});
afterAll(() => files.close());

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

  it("is not there for a boot that nobody knows", async () => {
    const reply = await fetch(`${site.adminUrl}/api/v1/boots/nobody%40never/capture`);
    expect([reply.status, await reply.json()]).toEqual([
      404,
      { error: { code: "NOT_FOUND", message: "no boot is kept as nobody@never" } },
    ]);
    expect((await captureOf(macs[0], "?redact=perhaps")).status).toBe(400);
  });
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
