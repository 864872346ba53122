import { expect, test } from "vitest";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { explain } from "../../../src/commands/explain.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { textForOtherServer } from "../../../src/daemon/settings/other-server.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { fromHex, toHex } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { firmware, message, type Options, packetWith, selecting } from "../../support/dhcp.ts";
import { FakeProgram } from "../../support/program.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/* `interfaces[].advertise`: what machines are told where they reach this server by another address (NAT). */

const own = "192.168.77.1";
const told = "198.51.100.7";

function configured(mode: "proxy" | "full", compatibility: string): string {
  const pools =
    mode === "full" && compatibility === "standard"
      ? ", pools: [192.168.77.100-192.168.77.109]"
      : "";
  return `
dataDir: /nonexistent/eim-pxe-advertise
interfaces:
  - { name: eth1, address: ${own}, advertise: ${told}, dhcp: { mode: ${mode}, subnet: 192.168.77.0/24${pools} } }
dhcp: { compatibility: ${compatibility}, allowOtherServers: true }
nodes: { file: nodes.yaml }
`;
}

interface Asked {
  readonly port?: 67 | 4011;
  readonly source?: string;
}

async function answer(config: string, options: Options, { port = 67, source }: Asked = {}) {
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-advertise-"));
  try {
    const file = join(folder, "eim-pxe.yaml");
    writeFileSync(file, config);
    writeFileSync(
      join(folder, "nodes.yaml"),
      "- { mac: 08:00:27:29:4e:67, address: 192.168.77.20, netmask: 255.255.255.0 }\n",
    );
    const program = new FakeProgram();
    const ciaddr = source?.split(":")[0] ?? "0.0.0.0";
    const hex = toHex(encodePacket(packetWith(options, { ciaddr })));
    await explain(program, file, { interface: null, source: source ?? null, port, hex });
    const { decision, reply } = JSON.parse(program.written);
    return {
      decision,
      packet: reply?.packet,
      bytes: fromHex(reply?.hex ?? "") ?? new Uint8Array(),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const inBytes = (address: string) => latin1(ip4ToBytes(address));

test.each(
  (["proxy", "full"] as const).flatMap((mode) =>
    ["standard", "smee", "smee-standalone"].flatMap((compatibility) =>
      (["bios", "uefi", "uefiHttp", "ipxe"] as const).map(
        (kind) => [mode, compatibility, kind] as const,
      ),
    ),
  ),
)(
  "in mode %s, compatibility %s, nothing of an answer to %s names the address itself",
  async (mode, compatibility, kind) => {
    const { decision, packet, bytes } = await answer(
      configured(mode, compatibility),
      message(firmware[kind]),
    );
    expect(decision).toBe("reply");
    expect(packet.siaddr).toBe(told);
    const text = latin1(bytes);
    expect(text).toContain(inBytes(told));
    expect(text).not.toContain(inBytes(own));
    expect(text).not.toContain(own);
  },
);

test("the boot server's acknowledgement names it too", async () => {
  const asked = { port: 4011, source: "192.168.77.50:4011" } as const;
  const { packet, bytes } = await answer(
    configured("proxy", "standard"),
    message(firmware.uefi, MessageType.REQUEST),
    asked,
  );
  expect(packet).toMatchObject({ siaddr: told, sname: told, file: "ipxe.efi" });
  expect(latin1(bytes)).not.toContain(inBytes(own));
});

test.each([
  ["the advertised address", told, "reply"],
  ["the address itself", own, "reply"],
  ["another server", "192.168.77.9", "ignore"],
])("a client that takes the offer of %s", async (_, server, decision) => {
  const taken = selecting(firmware.uefi, server, "192.168.77.20");
  const found = await answer(configured("full", "standard"), taken);
  expect(found.decision).toBe(decision);
});

test("a relay agent's own wish for option 54 goes before it", async () => {
  const relayed = {
    ...message(firmware.uefi),
    82: Uint8Array.of(11, 4, 192, 168, 77, 254),
  };
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-advertise-"));
  try {
    const file = join(folder, "eim-pxe.yaml");
    writeFileSync(file, configured("proxy", "standard").replace("nodes: { file: nodes.yaml }", ""));
    const program = new FakeProgram();
    const hex = toHex(encodePacket(packetWith(relayed, { giaddr: "192.168.77.254" })));
    await explain(program, file, { interface: null, source: null, port: 67, hex });
    const { packet } = JSON.parse(program.written).reply;
    const serverId = packet.options.find(({ code }: { code: number }) => code === 54);
    expect([serverId.hex, packet.siaddr]).toEqual(["c0a84dfe", told]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("two interfaces with one address cannot advertise two", () => {
  const text = `
interfaces:
  - { name: eth1, address: ${own}, advertise: ${told} }
  - { name: eth2, address: ${own}, advertise: 198.51.100.8 }
`;
  expect(() => parseConfig(text, "test.yaml")).toThrow(ConfigError);
  expect(() => parseConfig(text.replace("100.8", "100.7"), "test.yaml")).not.toThrow();
});

test("an address that nobody can be told is refused", () => {
  expect(() => parseConfig("interfaces: [{ name: eth1, advertise: nas }]", "test.yaml")).toThrow(
    /advertise/,
  );
});

test("the site's own DHCP server is told the advertised address to hand out", () => {
  const text = textForOtherServer(
    parseConfig(configured("proxy", "standard").replace("nodes: { file: nodes.yaml }", ""), null),
    [],
    { server: "isc-dhcp", interface: null, mode: "off" },
  );
  expect(text).toContain(`next-server ${told}`);
  expect(text).not.toContain(`next-server ${own}`);
  expect(text).not.toContain(`//${own}:`);
});

test("the site's own DHCP server is told the TFTP server of tftp.advertise, and our address for all else", () => {
  const config = `${configured("proxy", "standard").replace("nodes: { file: nodes.yaml }", "")}tftp: { advertise: 192.168.77.5 }`;
  const text = textForOtherServer(parseConfig(config, null), [], {
    server: "isc-dhcp",
    interface: null,
    mode: "off",
  });
  expect(text).toContain("next-server 192.168.77.5;");
  expect(text).not.toContain(`next-server ${told}`);
  expect(text).toContain(`http://${told}:8080/boot.ipxe`);
});
