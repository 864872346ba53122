import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { type BlobSource, memoryBlob } from "../../src/lib/blob.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";
import { fileOfSize } from "../support/random.ts";
import { TftpClient } from "../support/tftp-client.ts";
import { atftp } from "../support/tftp-programs.ts";
import { TestServer } from "../support/tftp-server.ts";

/*
 * One client that takes all it can get, as a process of its own, and two hundred in this process that take
 * their time. How long anybody waits is counted in what the one got meanwhile, not in seconds: on a busy machine all
 * of them are slower.
 */

const MIB = 1024 * 1024;
const SLOW_CLIENTS = 200;
const BLOCKS = 20;
const PAUSE_MS = 50;
const GREEDY_MS = 60_000;

const slowFile = fileOfSize((BLOCKS - 1) * 512 + 1);

/** The large file, and how many bytes of it were asked for. */
function countedFile(): { readonly blob: BlobSource; readonly read: () => number } {
  const inner = memoryBlob(fileOfSize(8 * MIB));
  let bytes = 0;
  const blob: BlobSource = {
    size: inner.size,
    read(offset, length) {
      bytes += length;
      return inner.read(offset, length);
    },
    close: () => inner.close(),
  };
  return { blob, read: () => bytes };
}

/**
 * Takes all blocks, each acknowledged a while after it came; resolves with what `others` got from each acknowledgement to
 * the block after it, in bytes.
 */
async function fetchSlowly(
  client: TftpClient,
  server: TestServer,
  others: () => number,
): Promise<readonly number[]> {
  const waits: number[] = [];
  client.request(server.endpoint, "slow.efi");
  let block = 0;
  let before = others();
  while (block < BLOCKS) {
    const { packet, from } = await client.next();
    if (packet.opcode !== "data") throw new Error(JSON.stringify(packet));
    if (packet.block !== block + 1) {
      // A copy that was sent because of the pause, or because the acknowledgement was lost.
      client.send({ opcode: "ack", block }, from);
      continue;
    }
    waits.push(others() - before);
    block += 1;
    await pause(PAUSE_MS);
    before = others();
    client.send({ opcode: "ack", block }, from);
  }
  return waits;
}

async function fetchSlowlyByMany(server: TestServer, others: () => number): Promise<number[]> {
  const clients = await Promise.all(
    Array.from({ length: SLOW_CLIENTS }, () => TftpClient.open(openDgram)),
  );
  const waits = await Promise.all(clients.map((client) => fetchSlowly(client, server, others)));
  await Promise.all(clients.map((client) => client.close()));
  return waits.flat();
}

/** Fetches the large file again and again, until it is told to stop or its time is up. */
async function fetchGreedily(server: TestServer, folder: string, stop: AbortSignal): Promise<void> {
  const local = join(folder, "large.efi");
  const wanted = { server: server.endpoint, remote: "large.efi", local };
  while (!stop.aborted) await atftp.fetch({ ...wanted, blksize: 1468, windowsize: 16 });
}

const skip = atftp.missing !== null;

describe.skipIf(skip).each([
  ["a port for each transfer", false],
  ["a single port", true],
])("with %s", (_, singlePort) => {
  it("two hundred slow clients get on while one takes all it can get", async () => {
    const folder = await mkdtemp(join(tmpdir(), "eim-pxe-fair-"));
    const limits = { singlePort };
    const large = countedFile();
    const server = await TestServer.start(
      { "large.efi": large.blob, "slow.efi": slowFile },
      { openUdp: openDgram, openTransferUdp, limits },
    );
    try {
      const slowOnesDone = new AbortController();
      // Were they to wait for the end of the greedy one, it would come only then.
      const stop = AbortSignal.any([slowOnesDone.signal, AbortSignal.timeout(GREEDY_MS)]);
      const greedy = fetchGreedily(server, folder, stop);
      await vi.waitFor(() => expect(large.read()).toBeGreaterThan(0), { timeout: GREEDY_MS });
      const waits = await fetchSlowlyByMany(server, large.read);
      slowOnesDone.abort();
      const meanwhile = large.read();
      await greedy;

      expect(waits).toHaveLength(SLOW_CLIENTS * BLOCKS);
      // And it was really there all the while.
      expect(meanwhile).toBeGreaterThan(8 * MIB);
      const sorted = waits.toSorted((a, b) => a - b);
      const share = (part: number) => sorted[Math.floor(part * sorted.length)];
      // Read ahead are 64 KiB, the most that half of them wait for on a quiet machine.
      expect(share(0.5)).toBeLessThanOrEqual(MIB);
      // The sockets of two hundred transfers are opened at once, and a datagram may get lost.
      expect(share(0.9)).toBeLessThanOrEqual(4 * MIB);
    } finally {
      await server.close();
      await rm(folder, { recursive: true });
    }
  });
});
