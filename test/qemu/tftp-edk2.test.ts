import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import { rows } from "../support/cases.ts";
import { LossyLink } from "../support/lossy-link.ts";
import { fileOfSize } from "../support/random.ts";
import { TestServer } from "../support/tftp-server.ts";
import { reasonToSkip } from "../support/tools.ts";
import { runInShell, shellTools } from "./uefi-shell.ts";

/*
 * EDK2's own TFTP client (Mtftp4Dxe, the one that its PXE uses too) by the command `tftp` of its Shell, which
 * can be told block size and window size and writes what it gets to a disk, where it is compared.
 */

const MIB = 1024 * 1024;
/** The Shell asks for no option at all where it is told these, its defaults. */
const plain = { blksize: 512, windowsize: 1 };
/** As EDK2's PXE asks. */
const usual = { blksize: 1468, windowsize: 4 };
const small = [1, 511, 512, 513, 1467, 1468, 1469];
const losses = [1, 5, 10];
/**
 * More does not fit at once into the socket of QEMU's user network, which has the kernel's 208 KiB
 * (`net.core.rmem_default`) for data and its own overhead, and is lost there. So where a window could
 * be larger, the whole file is no larger than this.
 */
const MOST_AT_ONCE = 100_000;

interface Download {
  readonly size: number;
  readonly blksize: number;
  readonly windowsize: number;
  /** Percent of the link's datagrams; null: no bad link between. */
  readonly loss: number | null;
}

// Both have more than 65,536 blocks, so the numbers wrap.
const wrapped: readonly Download[] = [
  { size: 33 * MIB, ...plain, loss: null },
  { size: 100 * MIB, blksize: 1468, windowsize: 64, loss: null },
];
const sizes: readonly Download[] = [
  ...[plain, usual].flatMap((terms) => small.map((size) => ({ size, ...terms, loss: null }))),
  ...rows(wrapped, () => false),
];
const all: readonly Download[] = [8, 512, 1024, 1428, 1468, 8192, 65464].flatMap((blksize) =>
  [1, 4, 16, 64].map((windowsize) => {
    const fits = blksize * windowsize <= MOST_AT_ONCE;
    const size = fits ? (blksize === 8 ? 8192 : MIB) : MOST_AT_ONCE;
    return { size, blksize, windowsize, loss: null };
  }),
);
const terms = rows(all, ({ blksize, windowsize }) => blksize >= 1428 && windowsize !== 4);
const lossy: readonly Download[] = [{ ...usual, windowsize: 1 }, usual].flatMap((each) =>
  losses.map((loss) => ({ size: MIB, ...each, loss })),
);
/** The queue of the link that it goes through is shorter than its window. */
const queued: Download = { size: MIB, blksize: 1468, windowsize: 64, loss: 0 };
const narrow = { mbit: 5, queue: 16 };

function nameOf(size: number): string {
  return `${size}.efi`;
}

/** What the file is called on the machine's disk. */
function localOf({ size, blksize, windowsize, loss }: Download): string {
  return [size, blksize, windowsize, ...(loss === null ? [] : [loss])].join("-");
}

function commandFor(download: Download, { port }: UdpEndpoint): string {
  const { size, blksize, windowsize } = download;
  const flags = `-r ${port} -s ${blksize} -w ${windowsize}`;
  return `tftp ${flags} 10.0.2.2 ${nameOf(size)} ${localOf(download)}`;
}

/** What it reported of every fetch that ended well. */
function tftpDone({ events }: TestServer) {
  return events.flatMap((event) =>
    event.event === "loader-done" && event.protocol === "tftp" ? [event] : [],
  );
}

function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const missing = reasonToSkip({ tools: shellTools });
const note = missing === null ? "" : ` (${missing})`;

describe.skipIf(missing !== null)(`EDK2's Shell${note}`, () => {
  it("fetches files of every size, in blocks and windows of every size, through loss and a short queue", async () => {
    const folder = await mkdtemp(join(tmpdir(), "eim-pxe-shell-"));
    const served = new Set([0, ...[...sizes, ...terms, ...lossy].map(({ size }) => size)]);
    const files = Object.fromEntries([...served].map((size) => [nameOf(size), fileOfSize(size)]));
    const sockets = { openUdp: openDgram, openTransferUdp };
    const server = await TestServer.start(files, { ...sockets, limits: { maxBlockSize: 65464 } });
    // Who is behind a bad link may never be heard to have everything, so it has a server of its own.
    const farServer = await TestServer.start(files, sockets);
    const narrowServer = await TestServer.start(files, sockets);
    const narrowLink = await LossyLink.open(narrowServer.endpoint, { seed: 1, narrow });
    const links = await Promise.all(
      losses.map(async (lossPercent) => {
        const faults = { seed: lossPercent, lossPercent, copyPercent: 1, latePercent: 1 };
        return { lossPercent, link: await LossyLink.open(farServer.endpoint, faults) };
      }),
    );
    try {
      const { lines, copyOf } = await runInShell({
        commands: [
          `tftp -r ${server.endpoint.port} 10.0.2.2 ${nameOf(0)} empty`,
          ...[...sizes, ...terms].map((download) => commandFor(download, server.endpoint)),
          ...links.flatMap(({ lossPercent, link }) =>
            lossy
              .filter(({ loss }) => loss === lossPercent)
              .map((download) => commandFor(download, link.endpoint)),
          ),
          commandFor(queued, narrowLink.endpoint),
        ],
        folder,
        limitMs: 900_000,
      });

      const sums: Record<string, string> = {};
      const wanted: Record<string, string> = {};
      for (const download of [...sizes, ...terms, ...lossy, queued]) {
        const local = localOf(download);
        wanted[local] = checksum(files[nameOf(download.size)] ?? new Uint8Array());
        const copy = await copyOf(local).catch(() => null);
        sums[local] = copy === null ? "was not written" : checksum(await readFile(copy));
        if (copy !== null) await rm(copy);
      }
      expect(sums).toEqual(wanted);

      // The Shell asks for the size first, and gives up where it is told none. We tell none of an empty file,
      // which curl wants; with 0 the Shell's progress bar would divide by it.
      expect(lines.filter((line) => /unable|error/i.test(line))).toEqual([
        "Unable to get the size of the file '0.efi' on 'eth0' - Protocol Error",
      ]);

      const done = tftpDone(server);
      // What was asked for was granted, and everything in its order.
      expect(done.map(({ bytes, blksize, windowsize }) => [bytes, blksize, windowsize])).toEqual(
        [...sizes, ...terms].map(({ size, blksize, windowsize }) => [size, blksize, windowsize]),
      );
      // Without a bad link hardly anything has to be sent again, but on a busy host a machine may not run for
      // longer than is waited for it (0.06 beside eight busy processes). Where each copy of an ACK were
      // answered by a copy of the block (RFC 1123, 4.2.3.1), it were 1.
      const blocks = done.reduce((sum, { bytes, blksize }) => sum + bytes / blksize, 0);
      const again = done.reduce((sum, { retransmissions }) => sum + retransmissions, 0);
      expect(again / blocks).toBeLessThan(0.5);

      // The first windows lost their ends to the queue, and then it was known. Where each window loses its end,
      // every block is sent six times and more; on a busy host some are sent again in vain.
      expect(narrowLink.lost).toBeGreaterThan(queued.windowsize / 2);
      const through = tftpDone(narrowServer);
      expect(through.map(({ bytes, windowsize }) => [bytes, windowsize])).toEqual([[MIB, 64]]);
      for (const { retransmissions } of through) {
        expect(retransmissions).toBeLessThan((3 * MIB) / queued.blksize);
      }

      // The links were about as bad as they should be.
      for (const { lossPercent, link } of links) {
        expect(link.lost / (link.passed + link.lost)).toBeGreaterThan(lossPercent / 300);
      }
    } finally {
      await Promise.all(links.map(({ link }) => link.close()));
      await server.close();
      await farServer.close();
      await narrowLink.close();
      await narrowServer.close();
      await rm(folder, { recursive: true });
    }
  });
});
