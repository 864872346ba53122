import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { fromHex, fromText, toHex, u16 } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { Program } from "../support/command.ts";
import { message, type Options, packetWith } from "../support/dhcp.ts";
import { createNetns, type Netns, netnsMissing } from "../support/netns.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Field fault 3, with real relay agents: a BIOS ROM as Intel's Boot Agent, which has no address yet, does not set
 * the broadcast flag and hears only broadcasts.
 */

const missing = reasonToSkip({ root: true, tools: ["dnsmasq", "dhcrelay"] }) ?? netnsMissing();
const sender = new URL("guests/dhcp-sender.ts", import.meta.url);
const server = "192.168.77.1";
const relay = { up: "192.168.77.3", down: "192.168.78.1" };

const rom: Options = {
  [OptionCode.VENDOR_CLASS_IDENTIFIER]: fromText("PXEClient:Arch:00000:UNDI:002001"),
  [OptionCode.MAXIMUM_MESSAGE_SIZE]: u16(1260),
  [OptionCode.CLIENT_SYSTEM_ARCHITECTURE]: u16(0),
  [OptionCode.CLIENT_NETWORK_INTERFACE]: Uint8Array.of(1, 2, 1),
  [OptionCode.CLIENT_MACHINE_IDENTIFIER]: fromHex(`00${"11".repeat(16)}`) ?? new Uint8Array(),
  [OptionCode.PARAMETER_REQUEST_LIST]: Uint8Array.from([
    1, 2, 3, 5, 6, 11, 12, 13, 15, 43, 54, 60, 67,
  ]),
};
const hexOf = (options: Options, xid: number) =>
  toHex(encodePacket(packetWith(options, { xid, flags: 0 })));

const dnsmasq = [
  "dnsmasq",
  "--keep-in-foreground",
  "--log-facility=-",
  "--conf-file=/dev/null",
  "--user=root",
  "--port=0",
  "--pid-file=",
  `--dhcp-relay=${relay.down},${server}`,
];
const dhcrelay = ["dhcrelay", "-4", "-d", "--no-pid", "-i", "far0", "-i", "near0", server];

describe.skipIf(missing !== null)(
  `a proxy behind a relay agent${missing === null ? "" : ` (${missing})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-relayed-"));
    let net: Netns;
    let program: Program;
    beforeAll(async () => {
      program = await Program.build();
    });
    beforeEach(() => {
      net = createNetns();
    });
    afterEach(() => net.close());
    afterAll(async () => {
      await program.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    test.each([
      ["dnsmasq's", dnsmasq, "started, version"],
      ["ISC's", dhcrelay, "Socket/fallback"],
    ])(
      "field fault 3: is heard through %s by a ROM that does not set the broadcast flag",
      async (_, [command = "", ...parts], started) => {
        const [host, between, machine] = [net.host("server"), net.host("relay"), net.host("rom")];
        net.cable(
          { host, device: "eth0", addresses: [`${server}/24`] },
          { host: between, device: "near0", addresses: [`${relay.up}/24`] },
        );
        net.cable(
          { host: between, device: "far0", addresses: [`${relay.down}/24`] },
          { host: machine, device: "eth0", addresses: [] },
        );
        net.ip(host, "route", "add", "192.168.78.0/24", "via", relay.up);
        net.ip(machine, "route", "add", "default", "dev", "eth0");
        const config = join(folder, "eim-pxe.yaml");
        const links = [{ name: "eth0", dhcp: { mode: "proxy" } }];
        writeFileSync(config, JSON.stringify({ dataDir: join(folder, "data"), interfaces: links }));
        const serve = [program.entry, "serve", "--config", config];
        await net.spawn(host, process.execPath, ...serve).said('"event":"listening"');
        await net.spawn(between, command, ...parts).said(started);
        const client = net.run(machine, sender);
        await client.next();

        const taking = {
          ...message(rom, MessageType.REQUEST),
          [OptionCode.SERVER_IDENTIFIER]: ip4ToBytes(server),
        };
        for (const [options, type] of [
          [message(rom), MessageType.OFFER],
          [taking, MessageType.ACK],
        ] as const) {
          client.write(hexOf(options, type));
          const { hex } = Object(await client.next());
          const reply = decodePacket(fromHex(String(hex)) ?? new Uint8Array());
          expect(reply).toMatchObject({ op: 2, xid: type, flags: 0x8000, yiaddr: "0.0.0.0" });
          expect(reply.file).toBe("undionly.kpxe");
          expect(reply.options.get(OptionCode.MESSAGE_TYPE)).toEqual(Uint8Array.of(type));
        }
      },
      60_000,
    );
  },
);
