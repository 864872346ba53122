import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { journalFile } from "../../src/dhcp/leases/journal.ts";
import { replayJournal } from "../../src/dhcp/leases/journal-format.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { macFromBytes } from "../../src/lib/mac.ts";
import { rounds } from "../support/cases.ts";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { readPcap } from "../support/pcap.ts";
import { randomNumbers } from "../support/random.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * While clients take leases the server is killed, again and again. What counts is what was acknowledged on
 * the wire: a capture has it, whatever the server thinks afterwards.
 */

const missing = reasonToSkip({ tools: ["perfdhcp", "tcpdump"], root: true }) ?? netnsMissing();
const KILLS = rounds(50, 15);

let net: Netns;
let folder = "";
let program: Program;
beforeAll(async () => {
  if (missing !== null) return;
  net = createNetns();
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-crash-"));
  program = await Program.build();
});
afterAll(async () => {
  if (missing !== null) return;
  await net.close();
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** The addresses that were acknowledged, in the order of the capture: machine and address. */
function acknowledged(file: string): readonly { mac: string; address: string }[] {
  return readPcap(readFileSync(file)).flatMap(({ payload }) => {
    const packet = decodePacket(payload);
    const type = packet.options.get(OptionCode.MESSAGE_TYPE)?.[0];
    if (type !== MessageType.ACK) return [];
    return [{ mac: macFromBytes(packet.chaddr), address: packet.yiaddr }];
  });
}

describe.skipIf(missing !== null)(`leases and crashes${missing ? ` (${missing})` : ""}`, () => {
  test(`killed ${KILLS} times while clients take leases, no acknowledged lease is lost or given twice`, async () => {
    const [server, client] = [net.host("server"), net.host("client")];
    net.cable(
      { host: server, device: "eth0", addresses: ["10.9.0.1/16"] },
      { host: client, device: "eth0", addresses: ["10.9.0.2/16"] },
    );
    const dataDir = join(folder, "data");
    const config = join(folder, "eim-pxe.yaml");
    const text = `
dataDir: ${dataDir}
interfaces: [{ name: eth0, dhcp: { mode: full, pools: [10.9.1.0-10.9.120.255] } }]
dhcp: { allowOtherServers: true }
tftp: { enabled: false }
`;
    writeFileSync(config, text);
    const capture = join(folder, "acks.pcap");
    const filter = ["udp", "and", "src", "host", "10.9.0.1", "and", "src", "port", "67"];
    const captured = ["-i", "eth0", "-U", "-B", "16384", "-w", capture, ...filter];
    const tcpdump = net.spawn(client, "tcpdump", ...captured);
    await tcpdump.said("listening on");
    const load = ["-4", "-r", "250", "-R", "20000", "-p", "600", "-l", "10.9.0.2", "10.9.0.1"];
    const perfdhcp = net.spawn(client, "perfdhcp", ...load);

    const random = randomNumbers(20);
    const serve = (): Guest =>
      net.spawn(server, process.execPath, program.entry, "serve", "--config", config);
    for (let kill = 0; kill < KILLS; kill++) {
      const guest = serve();
      // Some die at once, before the first lease.
      for (let granted = -1, last = random(40) - 1; granted < last;) {
        const told: { event?: unknown } = Object(await guest.next());
        if (told.event === "listening") granted = 0;
        if (told.event === "lease-granted") granted += 1;
      }
      await guest.stop("SIGKILL");
    }
    await perfdhcp.stop("SIGKILL");
    await tcpdump.stop("SIGINT");

    const acks = acknowledged(capture);
    const holders = new Map<string, Set<string>>();
    for (const { mac, address } of acks) {
      holders.set(address, (holders.get(address) ?? new Set()).add(mac));
    }
    expect([...holders].filter(([, macs]) => macs.size > 1)).toEqual([]);
    const { leases, damaged } = replayJournal(readFileSync(journalFile(dataDir)));
    expect(damaged).toEqual([]);
    const table = new LeaseTable();
    for (const lease of leases) table.restore(lease);
    const lost = acks.filter(({ mac, address }) => table.at(address)?.mac !== mac);
    expect(lost).toEqual([]);
    // It was a real crowd.
    expect(new Set(acks.map(({ mac }) => mac)).size).toBeGreaterThan(KILLS * 10);
  });

  test("killed while it writes and compacts, a journal has each lease that it said is on disk", async () => {
    const host = net.host("journal");
    const dataDir = join(folder, "journal");
    const random = randomNumbers(21);
    /** By machine: the number of the last lease that is on disk. */
    const written = new Map<number, number>();
    let next = 0;
    for (let kill = 0; kill < 25; kill++) {
      const guest = net.run(
        host,
        new URL("guests/journal.ts", import.meta.url),
        dataDir,
        `${next}`,
      );
      for (let left = random(300) + 1; left > 0; left--) {
        const { written: number = -1 }: { written?: number } = Object(await guest.next());
        if (number >= 0) written.set(number % 40, number);
        next = Math.max(next, number + 100);
      }
      await guest.stop("SIGKILL");
      const { leases, damaged } = replayJournal(readFileSync(journalFile(dataDir)));
      expect(damaged).toEqual([]);
      const table = new LeaseTable();
      for (const lease of leases) table.restore(lease);
      const lost = [...written].filter(([machine, number]) => {
        return (table.at(`10.0.0.${machine + 1}`)?.expiresAtMs ?? -1) < number;
      });
      expect(lost).toEqual([]);
    }
    expect(written.size).toBe(40);
  });
});
