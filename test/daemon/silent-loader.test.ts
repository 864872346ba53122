import { copyFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootDetail, bootsReply } from "../../src/api/boots.ts";
import type { DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { fromText, u16 } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { machineId, message, packetWith } from "../support/dhcp.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";
import { TftpClient } from "../support/tftp-client.ts";

/* The whole server: a machine that fetches its loader twice, and of which nothing is heard then. */

const mac = "52:54:00:00:00:01";

let files: ServedSite;
let site: RunningSite;
beforeAll(async () => {
  files = await ServedSite.open();
  copyFileSync(files.path("loaders/ipxe.efi"), files.path("loaders/snponly.efi"));
  const settings = { boot: {}, nodes: [], trace: null } as const;
  site = await RunningSite.open(files, { ...settings, mode: "full", compatibility: "standard" });
}, 60_000);
afterAll(async () => {
  await site.close();
  await files.close();
});

function asks(type: number, more: Readonly<Record<number, Uint8Array>> = {}): DhcpPacket {
  const options = {
    60: fromText("PXEClient:Arch:00007:UNDI:003001"),
    93: u16(7),
    94: Uint8Array.of(1, 3, 1),
    97: machineId,
    ...more,
  };
  return packetWith(message(options, type), { chaddr: macToBytes(mac), xid: type });
}

async function answerTo(request: DhcpPacket): Promise<DhcpPacket | undefined> {
  return (await site.ask("server", [request], request)).at(-1);
}

/** The machine asks for an address and its loader, and fetches that; gives the loader's name. */
async function boot(): Promise<string> {
  const offer = await answerTo(asks(1));
  const address = offer?.yiaddr ?? "";
  await answerTo(asks(3, { 50: ip4ToBytes(address), 54: ip4ToBytes(site.address) }));
  const client = await TftpClient.open(openDgram, address);
  client.request({ address: site.address, port: site.tftpPort }, offer?.file ?? "");
  for (let isLast = false; !isLast;) {
    const { packet, from } = await client.next();
    if (packet.opcode !== "data") throw new Error(`a packet ${packet.opcode}`);
    client.send({ opcode: "ack", block: packet.block }, from);
    isLast = packet.data.length < 512;
  }
  await client.close();
  return offer?.file ?? "";
}

describe("field fault 47: a machine's loader", () => {
  it("is not changed by whoever fetches it twice in its name", async () => {
    const victim = "52:54:00:00:00:77";
    const asked = { ...asks(1), chaddr: macToBytes(victim) };
    for (let n = 0; n < 2; n++) {
      expect((await answerTo(asked))?.file).toBe("ipxe.efi");
      const forged = await fetch(`${site.httpUrl}/${victim}/ipxe.efi`);
      expect(forged.status).toBe(200);
      await forged.arrayBuffer();
    }
    expect((await answerTo(asked))?.file).toBe("ipxe.efi");
  });
});

describe("a machine whose loader says nothing", () => {
  it("is given the other kind of loader the third time, and its timeline says so", async () => {
    expect([await boot(), await boot(), await boot()]).toEqual([
      "ipxe.efi",
      "ipxe.efi",
      "snponly.efi",
    ]);
    const list = await fetch(`${site.adminUrl}/api/v1/boots?mac=${mac}`);
    const id = bootsReply.parse(await list.json()).boots[0]?.id ?? "";
    const detail = await fetch(`${site.adminUrl}/api/v1/boots/${encodeURIComponent(id)}`);
    const { events } = bootDetail.parse(await detail.json());
    expect(events).toContainEqual(
      expect.objectContaining({
        event: "loader-changed",
        loader: "snponly.efi",
        insteadOf: "ipxe.efi",
      }),
    );
  });
});
