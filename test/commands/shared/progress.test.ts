import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { ProgressEvents } from "../../../src/artifacts/sync/progress-events.ts";
import { ProgressLine } from "../../../src/commands/shared/progress.ts";
import { EventLog } from "../../support/orchestrator.ts";

describe("the progress of downloads", () => {
  it("on a terminal shows each file's share, rate and what remains", () => {
    const out = new PassThrough();
    let nowMs = 0;
    const line = new ProgressLine(out, () => nowMs);
    const at = (ms: number, file: string, megabytes: number, total: number | null = 200) => {
      nowMs = ms;
      const bytes = megabytes * 1e6;
      line.update({ file, bytes, total: total === null ? null : total * 1e6 });
      return String(out.read() ?? "").replace("\r\u001b[K", "");
    };
    // It goes on with 100 MB that came before.
    expect(at(0, "initramfs", 100)).toBe("initramfs 100.0 MB of 200.0 MB (50 %)");
    expect(at(50, "initramfs", 101)).toBe("");
    expect(at(10_000, "initramfs", 120)).toBe(
      "initramfs 120.0 MB of 200.0 MB (60 %), 2.0 MB/s, 40 s left",
    );
    expect(at(20_000, "unknown", 1, null)).toMatch(/ {3}unknown 1\.0 MB$/);
    expect(at(1_000_000, "initramfs", 140)).toMatch(/, 40\.0 kB\/s, 25 min left/);
    line.clear();
    expect(String(out.read())).toBe("\r\u001b[K");
  });

  it("elsewhere is an event every ten seconds", () => {
    const log = new EventLog();
    let nowMs = 0;
    const progress = new ProgressEvents(log.emit, { now: () => nowMs, wall: () => nowMs });
    for (nowMs = 0; nowMs <= 25_000; nowMs += 1000) {
      progress.update({ file: "initramfs", bytes: nowMs * 1000, total: 100_000_000 });
    }
    expect(log.named("sync-progress")).toEqual([
      expect.objectContaining({
        bytes: 10_000_000,
        bytesPerSecond: 1_000_000,
        remainingSeconds: 90,
      }),
      expect.objectContaining({ bytes: 20_000_000, remainingSeconds: 80 }),
    ]);
  });
});
