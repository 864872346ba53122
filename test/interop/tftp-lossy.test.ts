import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";
import { LossyLink } from "../support/lossy-link.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import {
  atftp,
  busybox,
  curl,
  type TftpProgram,
  tftpHpa,
  tftpPackage,
  type TftpTerms,
} from "../support/tftp-programs.ts";
import { TestServer } from "../support/tftp-server.ts";

/* Real clients, real sockets, and a link that loses, copies and delays. */

const file = randomBytes(randomNumbers(11), 1024 * 1024);

function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const lockStep = { blksize: 1468, windowsize: 1 };
const everyLoss = [1, 5, 10];
const kinds: readonly (readonly [TftpProgram, TftpTerms, readonly number[]])[] = [
  [curl, lockStep, everyLoss],
  [busybox, lockStep, everyLoss],
  [tftpHpa, { blksize: 512, windowsize: 1 }, everyLoss],
  [tftpPackage, lockStep, everyLoss],
  [atftp, { blksize: 1468, windowsize: 4 }, everyLoss],
  [atftp, { blksize: 1468, windowsize: 16 }, everyLoss],
  // Where its one answer to a copy is lost, it waits 5 s from the last copy: at 10 % that makes 90 s.
  [atftp, lockStep, [1, 5]],
];
const downloads = kinds.flatMap(([program, terms, losses]) =>
  losses.map((lossPercent) => ({ program, terms, lossPercent, name: program.name })),
);
type Download = (typeof downloads)[number];

interface Outcome {
  readonly sum: string;
  readonly lostShare: number;
}

let folder: string;
let server: TestServer;
const running = new Map<Download, Promise<Outcome>>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-lossy-"));
  server = await TestServer.start({ "1m.efi": file }, { openUdp: openDgram, openTransferUdp });
  // They wait most of the time, so all of them do so at once.
  for (const download of downloads) {
    if (download.program.missing !== null) continue;
    const outcome = fetchThroughLoss(download);
    outcome.catch(() => {});
    running.set(download, outcome);
  }
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function fetchThroughLoss(download: Download): Promise<Outcome> {
  const { program, terms, lossPercent } = download;
  const faults = { lossPercent, copyPercent: 1, latePercent: 1 };
  const link = await LossyLink.open(server.endpoint, { seed: lossPercent, ...faults });
  const local = join(folder, String(downloads.indexOf(download)));
  try {
    const at = { server: link.endpoint, remote: "1m.efi", local, timeoutMs: 110_000 };
    await program.fetch({ ...at, ...terms });
    const lostShare = link.lost / (link.passed + link.lost);
    return { sum: checksum(await readFile(local)), lostShare };
  } finally {
    await link.close();
  }
}

describe("a link that loses, copies and delays datagrams", () => {
  it.for(downloads)(
    "brings $name its file whole at $lossPercent % loss, with windowsize $terms.windowsize",
    async (download, { expect, skip }) => {
      const { missing } = download.program;
      if (missing !== null) skip(missing);
      const outcome = await running.get(download);
      expect(outcome?.sum).toBe(checksum(file));
      // It was about as bad as it should be.
      expect(outcome?.lostShare).toBeGreaterThan(download.lossPercent / 300);
    },
  );

  // The first window of 64 loses its end, and the copy of it that shows how much came through.
  it.for([16, 32])(
    "whose queue holds %i packets drops few of them, although atftp asks for windows of 64",
    async (queue, { expect, skip }) => {
      if (atftp.missing !== null) skip(atftp.missing);
      const link = await LossyLink.open(server.endpoint, { seed: 1, narrow: { mbit: 20, queue } });
      const local = join(folder, `queue-${queue}`);
      const at = { server: link.endpoint, remote: "1m.efi", local };
      await atftp.fetch({ ...at, blksize: 1468, windowsize: 64 });
      await link.close();
      expect(checksum(await readFile(local))).toBe(checksum(file));
      expect(link.lost).toBeGreaterThan(20);
      // Without that limit, three to six times as many as the file has blocks.
      expect(link.lost).toBeLessThan(file.length / 1468);
    },
  );

  it("leaves nothing open behind, even of clients whose last ACK was lost", async ({ expect }) => {
    await server.close(0);
    expect(server.openBlobs).toBe(0);
  });
});
