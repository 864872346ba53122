import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Datagram, SeenDatagram } from "../../src/capture/datagram.ts";
import { writePcap } from "../../src/capture/pcap-writer.ts";
import { explain } from "../../src/commands/explain.ts";
import { explainPcap } from "../../src/commands/explain-pcap.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { fromHex, fromText, toHex } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { bootRequest, systemRequest } from "../../src/pxe-client/wire/dhcp-requests.ts";
import { FakeProgram } from "../support/program.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-explain-pcap-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const config = join(folder, "eim-pxe.yaml");
writeFileSync(
  config,
  `
dataDir: data
interfaces:
  - { name: nosuch0, address: 192.168.77.1 }
  - { name: nosuch1, address: 192.168.78.1, dhcp: { mode: full, pools: [192.168.78.100-192.168.78.110] } }
`,
);

const uefi = {
  mac: "02:00:00:00:00:01",
  uuid: "11223344-5566-7788-99aa-bbccddeeff00",
  firmware: "uefi",
} as const;
const discover = encodePacket(bootRequest(uefi, 7, "firmware", null));
const ipxe = encodePacket(bootRequest(uefi, 8, "ipxe", null));

const client = { address: "0.0.0.0", port: 68 };
const everybody = { address: "255.255.255.255", port: 67 };
const asked = (payload: Uint8Array, changes: Partial<Datagram> = {}): Datagram => {
  return { source: client, destination: everybody, payload, ...changes };
};

function captureOf(...datagrams: readonly Datagram[]): Uint8Array {
  const startMs = Date.parse("2026-03-06T10:00:00Z");
  return writePcap(
    datagrams.map((one, index): SeenDatagram => ({ ...one, atMs: startMs + index * 2000 })),
  );
}

const line = z.object({
  packet: z.number(),
  at: z.string(),
  mac: z.string().nullable(),
  type: z.string(),
  decision: z.enum(["reply", "ignore"]),
  reason: z.string(),
  reply: z.looseObject({ destination: z.string(), hex: z.string() }).optional(),
});

async function replay(capture: Uint8Array, interfaceName: string | null = null) {
  const pcap = join(folder, "a.pcap");
  writeFileSync(pcap, capture);
  const program = new FakeProgram();
  const options = { pcap, interface: interfaceName, json: true };
  expect(await explainPcap(program, config, options)).toBe(0);
  return program.written
    .split("\n")
    .filter((text) => text !== "")
    .map((text) => line.parse(JSON.parse(text)));
}

describe("explain --pcap", () => {
  it("says of each DHCP request what explain says of it alone", async () => {
    const alone = new FakeProgram();
    const hex = toHex(discover);
    await explain(alone, config, { interface: null, source: null, port: 67, hex });
    const system = encodePacket(
      systemRequest(uefi.mac, 9, { server: "192.168.77.2", address: "192.168.77.9" }),
    );
    const found = await replay(captureOf(asked(discover), asked(ipxe), asked(system)));
    expect(found[0]).toMatchObject(JSON.parse(alone.written));
    expect(found.map(({ packet, mac, type, decision }) => [packet, mac, type, decision])).toEqual([
      [1, uefi.mac, "DHCPDISCOVER", "reply"],
      [2, uefi.mac, "DHCPDISCOVER", "reply"],
      [3, uefi.mac, "DHCPREQUEST", "ignore"],
    ]);
    expect(found[1]?.reason).toContain("it gets the script");
    expect(found[0]?.at).toBe("2026-03-06T10:00:00.000Z");
  });

  it("reads what goes to port 4011 as the boot server does", async () => {
    const offered = await replay(captureOf(asked(discover)));
    const packet = decodePacket(fromHex(offered[0]?.reply?.hex ?? "") ?? new Uint8Array());
    expect(packet.file).toBe("ipxe.efi");
    const request = encodePacket({
      ...bootRequest(uefi, 7, "firmware", null),
      options: new Map([...bootRequest(uefi, 7, "firmware", null).options, [53, Uint8Array.of(3)]]),
      ciaddr: "192.168.77.100",
    });
    const source = { address: "192.168.77.100", port: 68 };
    const destination = { address: "192.168.77.1", port: 4011 };
    const [answer] = await replay(captureOf(asked(request, { source, destination })));
    expect(answer).toMatchObject({ decision: "reply", type: "DHCPREQUEST" });
    expect(answer?.reply?.destination).toBe("192.168.77.100:68");
  });

  it("has in mode full what it offered for the request that follows", async () => {
    const [offer] = await replay(captureOf(asked(discover)), "nosuch1");
    const { yiaddr } = decodePacket(fromHex(offer?.reply?.hex ?? "") ?? new Uint8Array());
    const plain = bootRequest(uefi, 7, "firmware", null);
    const request = encodePacket({
      ...plain,
      options: new Map([
        ...plain.options,
        [53, Uint8Array.of(3)],
        [50, ip4ToBytes(yiaddr)],
        [54, ip4ToBytes("192.168.78.1")],
      ]),
    });
    const [, ack] = await replay(captureOf(asked(discover), asked(request)), "nosuch1");
    const acknowledged = decodePacket(fromHex(ack?.reply?.hex ?? "") ?? new Uint8Array());
    expect([acknowledged.yiaddr, acknowledged.options.get(53)?.[0]]).toEqual([yiaddr, 5]);
  });

  it("takes the interface whose address a packet was sent to", async () => {
    const destination = { address: "192.168.78.1", port: 67 };
    const [answer] = await replay(captureOf(asked(discover, { destination })));
    const { yiaddr } = decodePacket(fromHex(answer?.reply?.hex ?? "") ?? new Uint8Array());
    expect(yiaddr).toMatch(/^192\.168\.78\.1\d\d$/);
  });

  it("passes over replies, TFTP and all else, and says where nothing is left", async () => {
    const reply = { ...bootRequest(uefi, 7, "firmware", null), op: 2 };
    const tftp = asked(fromText("\0\u0001ipxe.efi\0octet\0"), {
      destination: { address: "192.168.77.1", port: 69 },
    });
    const pcap = join(folder, "none.pcap");
    writeFileSync(pcap, captureOf(asked(encodePacket(reply)), tftp));
    const program = new FakeProgram();
    expect(await explainPcap(program, config, { pcap, interface: null, json: true })).toBe(0);
    expect(String(program.err.read())).toContain(`no DHCP request is in ${pcap} (2 UDP datagrams)`);
  });

  it("says of a damaged request that it is one", async () => {
    const [damaged] = await replay(captureOf(asked(discover.subarray(0, 100))));
    expect(damaged).toMatchObject({ mac: null, decision: "ignore" });
    expect(damaged?.reason).toContain("malformed");
  });

  it("names a file that is damaged, after what stands before the damage", async () => {
    const pcap = join(folder, "damaged.pcap");
    const whole = captureOf(asked(discover), asked(ipxe));
    writeFileSync(pcap, whole.subarray(0, whole.length - 10));
    const program = new FakeProgram();
    const options = { pcap, interface: null, json: true };
    await expect(explainPcap(program, config, options)).rejects.toMatchObject({
      code: "EIM_PXE_CONFIG",
      message: expect.stringMatching(
        /damaged\.pcap: the file ends within a frame \(at byte \d+\); 1 DHCP request/,
      ),
    });
    expect(JSON.parse(program.written)).toMatchObject({ packet: 1, decision: "reply" });
  });

  it.each([
    ["that is not there", "absent.pcap", /absent\.pcap: cannot be read: ENOENT/],
    ["of something else", "eim-pxe.yaml", /eim-pxe\.yaml: this is no capture file/],
  ])("names a file %s", async (_what, name, message) => {
    const options = { pcap: join(folder, name), interface: null, json: true };
    await expect(explainPcap(new FakeProgram(), config, options)).rejects.toThrow(message);
  });

  it("is text on a terminal", async () => {
    const pcap = join(folder, "a.pcap");
    writeFileSync(pcap, captureOf(asked(discover)));
    const program = new FakeProgram();
    program.outIsTerminal = true;
    await explainPcap(program, config, { pcap, interface: null, json: false });
    expect(program.written).toMatch(
      /^packet 1, 10:00:00\.000: DHCPDISCOVER of 02:00:00:00:00:01 from 0\.0\.0\.0:68\n {2}answer: OFFER to 255\.255\.255\.255:68, boot file ipxe\.efi\n {2}because: a network boot client/,
    );
  });
});
