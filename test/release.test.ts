import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { dashboardPackages } from "../scripts/shipped-packages.ts";

const workflow = z
  .object({
    on: z.object({ push: z.object({ tags: z.array(z.string()) }) }),
    permissions: z.record(z.string(), z.string()),
    jobs: z.record(
      z.string(),
      z.object({
        "timeout-minutes": z.int(),
        needs: z.union([z.string(), z.array(z.string())]).optional(),
        permissions: z.record(z.string(), z.string()).optional(),
        steps: z.array(z.object({ uses: z.string().optional(), run: z.string().optional() })),
      }),
    ),
  })
  .parse(parse(readFileSync(".github/workflows/release.yml", "utf8")));
const { scripts } = z
  .object({ scripts: z.record(z.string(), z.string()) })
  .parse(JSON.parse(readFileSync("package.json", "utf8")));
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

describe("the release workflow", () => {
  it("runs for a tag, after all tests, and writes nothing that a job does not name", () => {
    expect(workflow.on.push.tags).toEqual(["v*"]);
    expect(workflow.permissions).toEqual({ contents: "read" });
    expect(workflow.jobs["package"]?.needs).toBe("test");
    const commands = workflow.jobs["test"]?.steps.map(({ run }) => run);
    expect(commands).toContain("bash test/all.sh");
  });

  it("takes every action by the hash of what it is", () => {
    const actions = steps.flatMap(({ uses }) => uses ?? []);
    expect(actions.filter((action) => !/^[\w/-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
  });

  it("publishes the packed tarball with its provenance", () => {
    const npm = workflow.jobs["npm"];
    expect(npm?.permissions).toEqual({ contents: "read", "id-token": "write" });
    const published = npm?.steps.map(({ run = "" }) => run).find((run) => run.includes("publish"));
    expect(published).toMatch(/^npm publish --provenance --access public \.\/release\/.*\.tgz$/);
  });

  it("runs only scripts that there are", () => {
    const named = steps.flatMap(({ run = "" }) =>
      [...run.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].map(([, name = ""]) => name),
    );
    expect(named).toEqual(["release-notes", "sbom"]);
    expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
  });
});

describe("the dashboard's packages", () => {
  it("are those that its sources import", () => {
    const sources = readdirSync("src/dashboard", { recursive: true, encoding: "utf8" }).filter(
      (name) => /\.tsx?$/.test(name),
    );
    const imported = sources.flatMap((name) =>
      [...readFileSync(join("src/dashboard", name), "utf8").matchAll(/from "(@?[a-z][^"]*)"/g)].map(
        ([, from = ""]) => /^(@[^/]+\/)?[^/]+/.exec(from)?.[0] ?? "",
      ),
    );
    expect([...new Set(imported)].toSorted()).toEqual(dashboardPackages);
  });
});
