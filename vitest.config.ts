import { defineConfig } from "vitest/config";

/** Tests that run the compiled program as a process: minutes in all. `npm run check` leaves them to `test/all.sh`. */
const slow = [
  "test/commands/abused-http.test.ts",
  "test/artifacts/sync/kill.test.ts",
  "test/commands/cli.test.ts",
  "test/commands/few-descriptors.test.ts",
  "test/commands/serve.test.ts",
  "test/commands/serve-reload.test.ts",
  "test/commands/serve-registration.test.ts",
  "test/daemon/content/mirror.test.ts",
  "test/fuzz/fuzz.test.ts",
  "test/daemon/state/timeline-kill.test.ts",
  "test/webhooks/kill.test.ts",
];

/** Tests that replace a module of Node (`vi.mock`): they need modules of their own. */
const mocked = ["test/artifacts/loaders/loader-store.test.ts"];

/** By a program that is not installed everywhere: `npm run test:metrics` fetches it. */
const metrics = ["test/observe/promtool.test.ts"];

/** Of the fault table, what is in no other project: `npm run test:faults`. */
const faults = ["test/faults/held-up.test.ts", "test/faults/failing-disk.test.ts"];

// By default one core is left idle, which are half of two. Tests of the running program have the machine to
// themselves: what they say of answer times would be about each other.
const everyCore = "100%";

/** Only for a test that hangs: a busy machine may need many times what a quiet one does. */
const hangMs = 300_000;
/** For tests that run the program, which take up to a minute on a quiet machine. */
const longHangMs = 600_000;
/** For tests that boot emulated machines, several of them at times. */
const bootsHangMs = 1_500_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: [
            "test/qemu/**",
            "test/interop/**",
            "test/kubernetes/**",
            "test/ha/**",
            "test/bench/**",
            ...metrics,
            ...faults,
            ...slow,
            ...mocked,
          ],
          testTimeout: hangMs,
          hookTimeout: hangMs,
          // Every module is loaded once for each worker, not once for each file: a third of the time.
          isolate: false,
          maxWorkers: everyCore,
        },
      },
      {
        test: {
          name: "mocked",
          include: mocked,
          maxWorkers: everyCore,
        },
      },
      {
        test: {
          name: "slow",
          fileParallelism: false,
          include: slow,
          testTimeout: longHangMs,
          hookTimeout: longHangMs,
        },
      },
      {
        test: {
          name: "interop",
          fileParallelism: false,
          include: ["test/interop/**/*.test.ts"],
          testTimeout: longHangMs,
          hookTimeout: longHangMs,
        },
      },
      {
        test: {
          name: "qemu",
          include: ["test/qemu/**/*.test.ts"],
          exclude: ["test/qemu/firmware/**"],
          testTimeout: bootsHangMs,
          hookTimeout: bootsHangMs,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "faults",
          fileParallelism: false,
          include: faults,
          testTimeout: longHangMs,
          hookTimeout: longHangMs,
        },
      },
      {
        test: {
          name: "metrics",
          include: metrics,
        },
      },
      {
        // By a real API server, helm and kubectl: `npm run test:kubernetes`.
        test: {
          name: "kubernetes",
          fileParallelism: false,
          include: ["test/kubernetes/**/*.test.ts"],
          testTimeout: longHangMs,
          hookTimeout: longHangMs,
        },
      },
      {
        // Two servers that share a database, killed in turns: `npm run test:ha`.
        test: {
          name: "ha",
          fileParallelism: false,
          include: ["test/ha/**/*.test.ts"],
          testTimeout: bootsHangMs,
          hookTimeout: bootsHangMs,
        },
      },
      {
        // Further boots of real firmware, which take longer than all of `test/all.sh` may: `npm run test:firmware`.
        test: {
          name: "firmware",
          include: ["test/qemu/firmware/**/*.test.ts"],
          testTimeout: bootsHangMs,
          hookTimeout: bootsHangMs,
          fileParallelism: false,
        },
      },
    ],
  },
});
