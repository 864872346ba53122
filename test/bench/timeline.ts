import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { timelineFile, TimelineKeeper } from "../../src/daemon/state/timeline-file.ts";
import { describeBoot } from "../../src/http/admin/boot-reply.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { asOther, otherMac, say } from "../support/boot-story.ts";

/*
 * Timelines of whole boots on disk: what the file takes, how long the start takes and how much memory, and how long
 * a page of 100 boots takes:
 *   npx tsx --expose-gc test/bench/timeline.ts [BOOTS]
 */

const count = Number(process.argv[2] ?? 10_000);
const whole = [
  say.discover(),
  say.offer(),
  say.competing(),
  say.address(),
  say.tftpProbe(),
  say.loaderStart(),
  say.loaderDone(),
  say.ipxeDiscover(),
  say.ipxeOffer(),
  say.script(),
  say.kernel(),
  say.kernelDone(),
  say.initramfs(),
  say.initramfsDone(),
  say.beacon("booting"),
  say.microOs(),
].map(asOther);
const page = 100;
const rounds = 50;
const noNodes = { find: () => null };

function open(dataDir: string, keepBoots: number) {
  const sessions = new BootSessions({ keepBoots });
  const emit = (event: object) => console.log(event);
  const keeper = new TimelineKeeper({ sessions, dataDir, keepBoots, emit, clock: systemClock });
  return { sessions, keeper };
}

/** Milliseconds for one page of the newest boots. */
function pageMs(sessions: BootSessions): number {
  const times = Array.from({ length: rounds }, () => {
    const startMs = performance.now();
    const boots = sessions.newest(page, () => true);
    const nowMs = systemClock.now();
    const nodes = { ...noNodes };
    JSON.stringify(boots.map((boot) => describeBoot({ sessions, nodes }, boot, nowMs)));
    return performance.now() - startMs;
  });
  return times.toSorted((a, b) => a - b)[rounds / 2] ?? 0;
}

async function measure(boots: number): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-bench-"));
  const first = open(dataDir, Math.max(boots, 100));
  await first.keeper.start();
  const recorder = new TimelineRecorder({
    sessions: first.sessions,
    clock: systemClock,
    neighbourAt: () => null,
    emit: () => {},
    stageReached: () => {},
  });
  for (let n = 0; n < boots; n++) {
    const tail = [n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
    const machine = {
      mac: `${otherMac.slice(0, 12)}${tail}`,
      address: `10.1.${n >> 8}.${n & 255}`,
    };
    for (const event of whole) recorder.hear({ ...event, ...machine });
  }
  await first.keeper.close();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const second = open(dataDir, Math.max(boots, 100));
  const startMs = performance.now();
  await second.keeper.start();
  const tookMs = performance.now() - startMs;
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed - before;
  const bytes = statSync(timelineFile(dataDir)).size;
  const listed = second.sessions.list().length;
  console.log(
    `${listed} boots: ${(bytes / 1e6).toFixed(1)} MB on disk, start ${tookMs.toFixed(0)} ms, ` +
      `${(heap / 1e6).toFixed(0)} MB of memory, a page of ${page} ${pageMs(second.sessions).toFixed(2)} ms`,
  );
  await second.keeper.close();
  rmSync(dataDir, { recursive: true, force: true });
}

await measure(page);
await measure(count);
