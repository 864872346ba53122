import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { equalBytes } from "../../src/lib/bytes.ts";
import { LossyLink } from "../support/lossy-link.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { atftp } from "../support/tftp-programs.ts";
import { type RunningServer, serverKinds, table } from "./tftp-peers.ts";

/*
 * Seconds for 1 MiB in windows through a link whose queue may be shorter than a window, and in brackets how
 * many datagrams it dropped; for the servers that grant windows:
 *   ATFTPD=… npx tsx test/bench/tftp-queue.ts
 */

const blksize = 1468;
const giveUpMs = 200_000;
const file = randomBytes(randomNumbers(11), 1024 * 1024);
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-queue-"));
writeFileSync(join(folder, "1m.efi"), file);

const links = [
  { mbit: 5, queue: 8, windowsize: 16 },
  { mbit: 5, queue: 16, windowsize: 16 },
  { mbit: 5, queue: 16, windowsize: 64 },
  { mbit: 5, queue: 32, windowsize: 64 },
  { mbit: 5, queue: 256, windowsize: 64 },
  { mbit: 50, queue: 16, windowsize: 64 },
];
type Link = (typeof links)[number];

async function told(server: RunningServer, { mbit, queue, windowsize }: Link): Promise<string> {
  const link = await LossyLink.open(server.endpoint, { seed: 1, narrow: { mbit, queue } });
  // atftp takes a blank for the end of a name.
  const name = server.name.replaceAll(" ", "-");
  const local = join(folder, `${name}-${mbit}-${queue}-${windowsize}`);
  const startMs = performance.now();
  try {
    const at = { server: link.endpoint, remote: "1m.efi", local, timeoutMs: giveUpMs };
    await atftp.fetch({ ...at, blksize, windowsize });
    if (!equalBytes(readFileSync(local), file)) return "failed";
    return `${((performance.now() - startMs) / 1000).toFixed(2)} (${link.lost})`;
  } catch {
    return `not in ${giveUpMs / 1000} s (${link.lost})`;
  } finally {
    await link.close();
  }
}

const kinds = serverKinds.filter(({ there, windows }) => there && windows);
const rows = links.map(({ mbit, queue, windowsize }) => [
  `${mbit} Mbit/s, ${queue}, ${windowsize}`,
]);
for (const kind of kinds) {
  const server = await kind.start(folder, null);
  const columns = await Promise.all(links.map((link) => told(server, link)));
  columns.forEach((cell, i) => rows[i]?.push(cell));
  await server.stop();
}
const head = ["rate, queue, windowsize", ...kinds.map(({ name }) => name)];
process.stdout.write(table([head, ...rows]));
rmSync(folder, { recursive: true });
