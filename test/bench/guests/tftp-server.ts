import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { dgramSockets } from "../../../src/net/dgram.ts";
import { serverUdp, transferOpener } from "../../support/transfer-socket.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { startTftpServer } from "../../../src/tftp/server/tftp-server.ts";

/*
 * A TFTP server for the files of a folder, on loopback, in a process of its own, with the limits that are the
 * defaults; with a second argument `dgram` without koffi. Prints its port; at SIGTERM one line of JSON, how often what happened, and ends.
 */

const [folder = ".", sockets] = process.argv.slice(2);
const udp = sockets === "dgram" ? dgramSockets : serverUdp;
const held = new Map<string, Promise<Uint8Array | null>>();

function content(name: string): Promise<Uint8Array | null> {
  const bytes = held.get(name) ?? readFile(join(folder, name)).catch(() => null);
  held.set(name, bytes);
  return bytes;
}

const counts = new Map<string, number>();
let retransmissions = 0;

function count(event: PxeEvent): void {
  const key = "reason" in event ? `${event.event}: ${event.reason}` : event.event;
  counts.set(key, (counts.get(key) ?? 0) + 1);
  if ("retransmissions" in event) retransmissions += event.retransmissions;
}

const server = await startTftpServer({
  addresses: ["127.0.0.1"],
  port: 0,
  limits: {
    maxBlockSize: 65464,
    maxWindowSize: 64,
    maxTransfers: 1000,
    dataPorts: null,
    singlePort: false,
  },
  find: async (name) => {
    const bytes = await content(name);
    return bytes === null ? null : { name, kind: "loader", blob: memoryBlob(bytes) };
  },
  emit: count,
  clock: systemClock,
  openUdp: udp.open,
  openTransferUdp: transferOpener(udp),
});
process.stdout.write(`${server.endpoints[0]?.port ?? 0}\n`);
process.on("SIGTERM", () => {
  process.stdout.write(`${JSON.stringify({ ...Object.fromEntries(counts), retransmissions })}\n`);
  process.exit();
});
