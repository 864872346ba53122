import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { dashboardPackages, shippedPackages } from "../scripts/shipped-packages.ts";

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
const { version, scripts } = z
  .object({ version: z.string(), scripts: z.record(z.string(), z.string()) })
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

describe("the release notes", () => {
  it("are the changelog's section of this version", () => {
    const notes = execFileSync("npx", ["tsx", "scripts/release-notes.ts"], { encoding: "utf8" });
    const changelog = readFileSync("CHANGELOG.md", "utf8");
    expect(changelog).toContain(`\n## ${version}\n\n${notes}\n## `);
    expect(notes).toMatch(/^### When you upgrade from /);
  });
});

describe("the bill of materials", () => {
  it("has everything that the package brings along, with its licence", () => {
    const text = execFileSync("npx", ["tsx", "scripts/sbom.ts"], {
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    const bill = z
      .object({
        bomFormat: z.literal("CycloneDX"),
        metadata: z.object({ component: z.object({ name: z.string(), version: z.string() }) }),
        components: z.array(
          z.object({
            name: z.string(),
            version: z.string(),
            licenses: z.array(z.unknown()).min(1),
          }),
        ),
      })
      .parse(JSON.parse(text));
    expect(bill.metadata.component).toEqual({ name: "eim-pxe", version });
    const named = (all: readonly { readonly name: string; readonly version: string }[]) =>
      [...new Set(all.map((one) => `${one.name}@${one.version}`))].toSorted();
    expect(named(bill.components)).toEqual(named(shippedPackages()));
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
