import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { explain, type ExplainOptions } from "../../src/commands/explain.ts";
import { bootRequest, systemRequest } from "../../src/pxe-client/wire/dhcp-requests.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { fromHex, toHex } from "../../src/lib/bytes.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { FakeProgram } from "../support/program.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-explain-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

writeFileSync(
  join(folder, "nodes.yaml"),
  "- {mac: 02:00:00:00:00:02, netboot: deny}\n- {mac: 02:00:00:00:00:03, address: 192.168.78.9}\n",
);
const config = join(folder, "eim-pxe.yaml");
writeFileSync(
  config,
  `
dataDir: data
interfaces:
  - { name: nosuch0, address: 192.168.77.1 }
  - { name: nosuch1, address: 192.168.78.1, dhcp: { mode: full, pools: [192.168.78.100-192.168.78.110] } }
  - { name: nosuch2, address: 192.168.79.1, dhcp: { mode: off } }
  - { name: nosuch3, address: 192.168.80.1, dhcp: { mode: full, relayed: [{ subnet: 10.1.0.0/24, pools: [10.1.0.7-10.1.0.7] }] } }
nodes: { file: nodes.yaml }
artifacts: { ca: { file: not-there.pem } }
`,
);

const uefi = {
  mac: "02:00:00:00:00:01",
  uuid: "11223344-5566-7788-99aa-bbccddeeff00",
  firmware: "uefi",
} as const;
const discover = toHex(encodePacket(bootRequest(uefi, 7, "firmware", null)));

async function ask(hex: string, options: Partial<ExplainOptions> = {}, input = "") {
  const program = new FakeProgram(input);
  const all = { interface: null, source: null, port: 67, hex, ...options } as const;
  expect(await explain(program, config, all)).toBe(0);
  return JSON.parse(program.written);
}

describe("explain", () => {
  it("gives the reply's destination, bytes and fields, on an interface that does not exist", async () => {
    const { decision, reason, reply } = await ask(discover);
    expect(decision).toBe("reply");
    expect(reason).toContain("ipxe.efi");
    expect(reply.destination).toBe("255.255.255.255:68");
    const packet = decodePacket(fromHex(reply.hex) ?? new Uint8Array());
    expect(packet.file).toBe("ipxe.efi");
    expect(reply.packet).toMatchObject({ siaddr: "192.168.77.1", file: "ipxe.efi" });
    expect(reply.packet.options).toContainEqual({
      code: 53,
      name: "DHCP Message Type",
      value: "OFFER",
      hex: "02",
    });
  });

  it("reads the packet from standard input", async () => {
    expect(await ask("-", {}, `${discover}\n`)).toMatchObject({ decision: "reply" });
  });

  it("answers for the interface that is named, in its own mode", async () => {
    const { reply } = await ask(discover, { interface: "nosuch1" });
    expect(reply.packet.yiaddr).toMatch(/^192\.168\.78\.1(0\d|10)$/);
    expect(await ask(discover, { interface: "nosuch2" })).toEqual({
      decision: "ignore",
      reason: "DHCP is off on this interface",
    });
  });

  it("answers a relay agent of a network that is configured behind it", async () => {
    const relayed = { ...bootRequest(uefi, 7, "firmware", null), giaddr: "10.1.0.254" };
    const hex = toHex(encodePacket(relayed));
    const { reply } = await ask(hex, { interface: "nosuch3", source: "10.1.0.254:67" });
    expect(reply).toMatchObject({ destination: "10.1.0.254:67", packet: { yiaddr: "10.1.0.7" } });
    expect((await ask(hex, { interface: "nosuch1" })).decision).toBe("ignore");
  });

  it("refuses a network behind relay agents in which the interface is itself", async () => {
    const file = join(folder, "overlap.yaml");
    const dhcp = "dhcp: { mode: full, relayed: [{ subnet: 192.168.0.0/16 }] }";
    writeFileSync(file, `interfaces: [{ name: nosuch1, address: 192.168.78.1, ${dhcp} }]\n`);
    const all = { interface: null, source: null, port: 67, hex: discover } as const;
    await expect(explain(new FakeProgram(), file, all)).rejects.toThrow("overlaps 192.168.78.0/24");
    rmSync(file);
  });

  it("answers to where the packet came from", async () => {
    const { reply } = await ask(discover, { source: "192.168.77.50:1068" });
    expect(reply.destination).toBe("192.168.77.50:1068");
  });

  it("says why a machine is not answered", async () => {
    const system = toHex(encodePacket(systemRequest(uefi.mac, 7, null)));
    expect(await ask(system)).toEqual({
      decision: "ignore",
      reason: "not a network boot client",
    });
    const denied = bootRequest({ ...uefi, mac: "02:00:00:00:00:02" }, 7, "firmware", null);
    expect((await ask(toHex(encodePacket(denied)))).reason).toContain("netboot: deny");
    expect((await ask("0102")).reason).toContain("malformed");
  });

  it("explains port 4011", async () => {
    const request = bootRequest(uefi, 7, "firmware", {
      server: "192.168.77.1",
      address: "192.168.77.50",
    });
    const { reply } = await ask(toHex(encodePacket(request)), {
      port: 4011,
      source: "192.168.77.50:4011",
    });
    expect(reply.destination).toBe("192.168.77.50:4011");
    expect((await ask(discover, { port: 4011, interface: "nosuch1" })).decision).toBe("ignore");
  });

  it("changes nothing", async () => {
    await ask(discover, { interface: "nosuch1" });
    expect(readdirSync(folder).toSorted()).toEqual(["eim-pxe.yaml", "nodes.yaml"]);
  });

  it.each([
    ["a packet that is not hex", { hex: "xyz" }],
    ["a source that is not IP:PORT", { source: "somewhere" }],
    ["an interface that is not configured", { interface: "eth9" }],
  ])("refuses %s", async (_, wrong) => {
    const all = { interface: null, source: null, port: 67, hex: discover, ...wrong } as const;
    await expect(explain(new FakeProgram(), config, all)).rejects.toThrow(ConfigError);
  });
});
