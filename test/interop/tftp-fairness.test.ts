import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";
import { fileOfSize } from "../support/random.ts";
import { TftpClient } from "../support/tftp-client.ts";
import { atftp } from "../support/tftp-programs.ts";
import { TestServer } from "../support/tftp-server.ts";

/*
 * One client that takes all it can get, as a process of its own, and two hundred in this process that take
 * their time, so that most of their time is their own pauses.
 */

const MIB = 1024 * 1024;
const SLOW_CLIENTS = 200;
const BLOCKS = 20;
const PAUSE_MS = 50;
const GREEDY_MS = 60_000;

const files = { "large.efi": fileOfSize(8 * MIB), "slow.efi": fileOfSize((BLOCKS - 1) * 512 + 1) };

/** Blocks that came, at most `BLOCKS`: each is acknowledged a while after it came. */
async function fetchSlowly(client: TftpClient, server: TestServer): Promise<number> {
  client.request(server.endpoint, "slow.efi");
  let block = 0;
  while (block < BLOCKS) {
    const { packet, from } = await client.next();
    // A copy that was sent because of the pause.
    if (packet.opcode === "data" && packet.block !== block + 1) continue;
    if (packet.opcode !== "data") return block;
    block += 1;
    await pause(PAUSE_MS);
    client.send({ opcode: "ack", block }, from);
  }
  return block;
}

interface SlowOnes {
  /** Of the one that had least in the end. */
  readonly fewestBlocks: number;
  readonly seconds: number;
}

async function fetchSlowlyByMany(server: TestServer): Promise<SlowOnes> {
  const startedAt = performance.now();
  const clients = await Promise.all(
    Array.from({ length: SLOW_CLIENTS }, () => TftpClient.open(openDgram)),
  );
  const blocks = await Promise.all(clients.map((client) => fetchSlowly(client, server)));
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all(clients.map((client) => client.close()));
  return { fewestBlocks: Math.min(...blocks), seconds };
}

/** Fetches the large file again and again, until it is told to stop or its time is up. */
async function fetchGreedily(server: TestServer, folder: string, stop: AbortSignal): Promise<void> {
  const local = join(folder, "large.efi");
  const wanted = { server: server.endpoint, remote: "large.efi", local };
  while (!stop.aborted) await atftp.fetch({ ...wanted, blksize: 1468, windowsize: 16 });
}

function largeOnesDone({ events }: TestServer): number {
  return events.filter((event) => event.event === "loader-done" && event.file === "large.efi")
    .length;
}

const skip = atftp.missing !== null;

describe.skipIf(skip).each([
  ["a port for each transfer", false],
  ["a single port", true],
])("with %s", (_, singlePort) => {
  it("two hundred slow clients get on while one takes all it can get", async () => {
    const folder = await mkdtemp(join(tmpdir(), "eim-pxe-fair-"));
    const limits = { singlePort };
    const server = await TestServer.start(files, { openUdp: openDgram, openTransferUdp, limits });
    try {
      const alone = await fetchSlowlyByMany(server);

      const slowOnesDone = new AbortController();
      // Were they to wait for the end of the greedy one, it would come only then.
      const stop = AbortSignal.any([slowOnesDone.signal, AbortSignal.timeout(GREEDY_MS)]);
      const slowOnes = fetchSlowlyByMany(server).then((beside) => {
        slowOnesDone.abort();
        return { beside, meanwhile: largeOnesDone(server) };
      });
      const greedy = fetchGreedily(server, folder, stop);
      const [{ beside, meanwhile }] = await Promise.all([slowOnes, greedy]);
      // Once more: the machine may have become busier meanwhile.
      const after = await fetchSlowlyByMany(server);

      expect(alone.fewestBlocks).toBe(BLOCKS);
      expect(beside.fewestBlocks).toBe(BLOCKS);
      // And it was really there all the while.
      expect(meanwhile).toBeGreaterThan(0);
      expect(beside.seconds).toBeLessThan(3 * Math.max(alone.seconds, after.seconds));
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  });
});
