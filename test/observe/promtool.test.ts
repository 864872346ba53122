import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { allMetrics } from "../support/docs/metrics.ts";

// `npm run test:metrics` brings the program.
describe("promtool", () => {
  it("finds nothing to say about the metrics", async () => {
    const text = await allMetrics().registry.metrics();
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
      input: text,
      encoding: "utf8",
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  it("takes the alert rules and the example of a configuration", () => {
    const check = (...words: string[]) =>
      execFileSync("promtool", ["check", ...words], { encoding: "utf8" });
    expect(check("rules", "examples/prometheus-rules.yaml")).toMatch(/SUCCESS: \d+ rules found/);
    expect(check("config", "--syntax-only", "examples/prometheus.yaml")).toContain("SUCCESS");
  });
});
