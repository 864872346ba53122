import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equalBytes } from "../../src/lib/bytes.ts";
import { LossyLink } from "../support/lossy-link.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { atftp, busybox, curl, tftpHpa, tftpPackage } from "../support/tftp-programs.ts";
import { median, type RunningServer, serverKinds, table } from "./tftp-peers.ts";

/*
 * Seconds for 1 MiB through a link that loses 1 of 100 datagrams in each direction, each server and client
 * with the same link and seeds; or another percentage, and only the servers that are named:
 *   ATFTPD=… npx tsx test/bench/tftp-loss.ts
 *   npx tsx test/bench/tftp-loss.ts 10 eim-pxe
 */

const [percent = "1", ...names] = process.argv.slice(2);
const lossPercent = Number(percent);
const seeds = [1, 2, 3];
const giveUpMs = 120_000;
const file = randomBytes(randomNumbers(11), 1024 * 1024);
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-loss-"));
writeFileSync(join(folder, "1m.efi"), file);

const downloads = [
  { program: curl, blksize: 1468, windowsize: 1 },
  { program: busybox, blksize: 1468, windowsize: 1 },
  { program: tftpHpa, blksize: 512, windowsize: 1 },
  { program: tftpPackage, blksize: 1468, windowsize: 1 },
  { program: atftp, blksize: 1468, windowsize: 1 },
  { program: atftp, blksize: 1468, windowsize: 4 },
  { program: atftp, blksize: 1468, windowsize: 16 },
];
type Download = (typeof downloads)[number];

/** Null where the file did not come whole. */
async function secondsFor(server: RunningServer, what: Download, seed: number) {
  const { program, blksize, windowsize } = what;
  const link = await LossyLink.open(server.endpoint, { seed, lossPercent });
  const local = join(folder, `${server.name}-${downloads.indexOf(what)}-${seed}`);
  const startMs = performance.now();
  try {
    const at = { server: link.endpoint, remote: "1m.efi", local, timeoutMs: giveUpMs };
    await program.fetch({ ...at, blksize, windowsize });
    return equalBytes(readFileSync(local), file) ? (performance.now() - startMs) / 1000 : null;
  } catch {
    return null;
  } finally {
    await link.close();
  }
}

function told(times: readonly (number | null)[]): string {
  const whole = times.filter((time) => time !== null);
  const failed = times.length - whole.length;
  const seconds = whole.length === 0 ? "none" : median(whole).toFixed(2);
  return failed === 0 ? seconds : `${seconds} (${failed} of ${times.length} failed)`;
}

const kinds = serverKinds.filter(
  ({ there, name }) => there && (names.length === 0 || names.includes(name)),
);
const rows = downloads.map(({ program, blksize, windowsize }) => [
  `${program.name} ${blksize} / ${windowsize}`,
]);
for (const kind of kinds) {
  const server = await kind.start(folder, null);
  // Clients wait most of the time, so all of them may do so at once.
  const times = await Promise.all(
    downloads.map((what) => Promise.all(seeds.map((seed) => secondsFor(server, what, seed)))),
  );
  times.forEach((each, i) => rows[i]?.push(told(each)));
  await server.stop();
}
const head = ["client, blksize / windowsize", ...kinds.map(({ name }) => name)];
process.stdout.write(`${lossPercent} % lost, ${seeds.length} seeds\n\n${table([head, ...rows])}`);
rmSync(folder, { recursive: true });
// Where the npm package failed, its timers run on.
process.exit(0);
