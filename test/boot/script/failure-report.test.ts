import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { autoexecScript } from "../../../src/boot/script/autoexec.ts";
import { chainScript } from "../../../src/boot/script/chain.ts";
import { reportedError } from "../../../src/boot/script/failure-report.ts";
import { rewriteOrchestratorScript } from "../../../src/boot/script/orchestrator-script.ts";

const original = readFileSync(
  new URL("../../fixtures/orchestrator/boot.ipxe", import.meta.url),
  "utf8",
);
const eventsUrl = "http://192.168.77.1:8080/events";
const bootUrl = "http://192.168.77.1:8080/boot.ipxe";
const downloadUrl = "http://192.168.77.1:8080/artifacts";

describe("every script that is made here", () => {
  test.each([
    [
      "the orchestrator's",
      rewriteOrchestratorScript(original, { downloadUrl, eventsUrl, kernelArgs: [] }),
      /^:eim-failed$/,
    ],
    ["autoexec.ipxe", autoexecScript({ bootUrl, eventsUrl }), /^chain /],
    ["one that starts another", chainScript("http://10.0.0.3/a", eventsUrl), /^chain /],
  ])(
    "keeps iPXE's error before anything else can fail, and reports it: %s",
    (_, script, failing) => {
      const lines = script.split("\n");
      const failed = lines.findIndex((line) => failing.test(line));
      expect(lines[failed + 1]).toBe("set eim-errno ${errno:hexraw} ||");
      const report = lines.findIndex((line) => line.includes("stage=failed"));
      expect(report).toBeGreaterThan(failed);
      for (const field of ["version", "platform", "manufacturer", "product"]) {
        expect(lines[report]).toContain(`&${field}=\${${field}`);
      }
      expect(lines[report]).toMatch(/&errno=\$\{eim-errno\} && goto eim-reported \|\|$/);
      // Where HTTP is what fails.
      expect(lines[report + 1]).toBe(
        "imgfetch --timeout 3000 tftp://192.168.77.1/eim-errno-${eim-errno} ||",
      );
      expect(lines[report + 2]).toBe(":eim-reported");
    },
  );
});

describe("the name of a file that reports an error", () => {
  test.each([
    ["eim-errno-0f0a6039", "0f0a6039"],
    ["/eim-errno-2D0C61BB", "2d0c61bb"],
    ["eim-errno-", ""],
    ["eim-errno-0f0a60391", null],
    ["eim-errno-xyz", null],
    ["a/eim-errno-0f0a6039", null],
    ["ipxe.efi", null],
  ])("%s reports %s", (file, error) => {
    expect(reportedError(file)).toBe(error);
  });
});
