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
  "test/commands/serve-signals.test.ts",
  "test/daemon/content/mirror.test.ts",
  "test/fuzz/fuzz.test.ts",
  "test/daemon/state/timeline-kill.test.ts",
  "test/webhooks/kill.test.ts",
];

/**
 * Tests within vitest's process that take two thirds of its time: of whole servers and mirrors, floods, downloads
 * over every kind of link, and very many made-up inputs. `npm run check` leaves them to `npm test`.
 */
const servers = [
  "test/api/fuzz.test.ts",
  "test/artifacts/origin/origin.test.ts",
  "test/artifacts/origin/trust.test.ts",
  "test/artifacts/store/generation-store.test.ts",
  "test/artifacts/sync/boots-over-sync.test.ts",
  "test/artifacts/sync/mirror-failures.test.ts",
  "test/artifacts/sync/mirror.test.ts",
  "test/artifacts/sync/one-version.test.ts",
  "test/artifacts/sync/resume.test.ts",
  "test/artifacts/verify/verify.test.ts",
  "test/assets/store/asset-folder.test.ts",
  "test/capture/recorder.test.ts",
  "test/commands/artifacts-sign.test.ts",
  "test/commands/contract.test.ts",
  "test/commands/doctor.test.ts",
  "test/commands/explain-field.test.ts",
  "test/commands/explain-smee.test.ts",
  "test/commands/init.test.ts",
  "test/daemon/admin-port.test.ts",
  "test/daemon/admin-tls.test.ts",
  "test/daemon/admission.test.ts",
  "test/daemon/elsewhere/traced-boot.test.ts",
  "test/daemon/flood.test.ts",
  "test/daemon/leader/leadership.test.ts",
  "test/daemon/links/link-supervisor.test.ts",
  "test/daemon/links/listeners.test.ts",
  "test/daemon/links/tftp-elsewhere.test.ts",
  "test/daemon/nodes/cluster-nodes.test.ts",
  "test/daemon/orchestrator/registrations.test.ts",
  "test/daemon/settings/reload.test.ts",
  "test/daemon/state/timeline-file.test.ts",
  "test/daemon/unserved.test.ts",
  "test/dhcp/leases/journal.test.ts",
  "test/dhcp/wire/packet.test.ts",
  "test/http/admin/request-guard.test.ts",
  "test/http/admin/routes/events.test.ts",
  "test/http/boot/routes/artifacts.test.ts",
  "test/http/boot/routes/queue.test.ts",
  "test/http/connections/admission.test.ts",
  "test/http/connections/pipelining.test.ts",
  "test/http/files/files.test.ts",
  "test/nodes/yaml-parts.test.ts",
  "test/observe/metrics.test.ts",
  "test/setup/smee/import-answers.test.ts",
  "test/setup/smee/import.test.ts",
  "test/telemetry/tracer.test.ts",
  "test/tftp/server/hostile.test.ts",
  "test/tftp/server/request-flood.test.ts",
  "test/tftp/transfer/transfer-loss.test.ts",
  "test/tftp/transfer/transfer-narrow.test.ts",
  "test/tftp/wire/file-names.test.ts",
  "test/webhooks/webhook.test.ts",
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

const inOneProcess = {
  testTimeout: hangMs,
  hookTimeout: hangMs,
  // Every module is loaded once for each worker, not once for each file: a third of the time.
  isolate: false,
  maxWorkers: everyCore,
};

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
            ...servers,
            ...mocked,
          ],
          ...inOneProcess,
        },
      },
      {
        test: {
          name: "servers",
          include: servers,
          ...inOneProcess,
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
          exclude: ["test/qemu/firmware/**", "test/qemu/imgverify/**"],
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
        // With an iPXE that is built from its source first: `npm run test:imgverify`.
        test: {
          name: "imgverify",
          include: ["test/qemu/imgverify/**/*.test.ts"],
          testTimeout: bootsHangMs,
          hookTimeout: bootsHangMs,
          fileParallelism: false,
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
