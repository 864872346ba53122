import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { shippedPackages } from "../../scripts/shipped-packages.ts";
import { packagesWithoutText } from "../support/docs/licences.ts";
import { z } from "zod";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const execute = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-package-"));
let tarball = "";

interface Finished {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end, whatever its exit code. */
async function run(program: string, args: readonly string[], cwd: string): Promise<Finished> {
  try {
    const { stdout, stderr } = await execute(program, args, { cwd, maxBuffer: 16 * 1024 * 1024 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    if (!(error instanceof Error && "code" in error && "stdout" in error && "stderr" in error)) {
      throw error;
    }
    return { code: Number(error.code), out: String(error.stdout), err: String(error.stderr) };
  }
}

async function succeed(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { code, out, err } = await run(program, args, cwd);
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${out}${err}`);
}

/** The program of that version of Node, from the package registry. */
async function nodeOf(version: string): Promise<string> {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const to = join(folder, `node-${version}`);
  mkdirSync(to);
  const [name = ""] = (
    await run("npm", ["pack", "--silent", `node-linux-${arch}@${version}`], to)
  ).out
    .trim()
    .split("\n");
  await succeed("tar", ["-xzf", name, "package/bin/node"], to);
  return join(to, "package/bin/node");
}

describe("the packed tarball", () => {
  beforeAll(async () => {
    await succeed("npm", ["pack", "--pack-destination", folder], ".");
    tarball = join(folder, readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? "");
    writeFileSync(join(folder, "package.json"), '{"private": true, "type": "module"}');
    await succeed("npm", ["install", "--no-audit", "--no-fund", tarball], folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }), 120_000);

  const npx = (...args: string[]) => run("npx", ["--no-install", "eim-pxe", ...args], folder);

  it("runs check on the example configuration outside of the checkout", async () => {
    const example = join(folder, "node_modules/eim-pxe/examples/eim-pxe.yaml");
    expect(await npx("check", "--config", example)).toMatchObject({ code: 0 });
  });

  it("ends with 2 and names file, line and column of a broken configuration", async () => {
    const broken = join(folder, "broken.yaml");
    writeFileSync(broken, "tftp:\n  port: 69\n  prot: 70\n");
    const { code, err } = await npx("check", "--config", broken);
    expect(code).toBe(2);
    expect(err).toContain(`${broken}:3:3: tftp: unknown key "prot"`);
  });

  it("boots the demo's machines", async () => {
    const { code, out } = await npx("demo", "--once", "--nodes", "1");
    expect(out).toContain("Every machine is in its Micro-OS.");
    expect(code).toBe(0);
  });

  it("offers the protocols to other programs, with types", async () => {
    writeFileSync(
      join(folder, "use.ts"),
      `import { decodePacket, encodePacket, MessageType } from "eim-pxe/dhcp";
import { negotiate, ReadTransfer } from "eim-pxe/tftp";
const bytes: Uint8Array = encodePacket(decodePacket(new Uint8Array(240).fill(1, 0, 1).map((byte, at) => [99, 130, 83, 99][at - 236] ?? byte)));
console.log(bytes.length, MessageType.DISCOVER, typeof negotiate, typeof ReadTransfer);
`,
    );
    const compiled = await run(
      join(process.cwd(), "node_modules/.bin/tsc"),
      ["--module", "nodenext", "--target", "es2023", "--strict", "--types", "", "use.ts"],
      folder,
    );
    expect(compiled).toMatchObject({ code: 0, out: "" });
    const used = await run("node", ["use.js"], folder);
    expect(used).toMatchObject({ code: 0, out: "300 1 function function\n" });
  });

  it("field fault 61: installs what was tested, with Node 20.19 and engines taken at their word", async () => {
    const elsewhere = join(folder, "global");
    const node = await nodeOf("20.19.0");
    const npm = (await run("npm", ["root", "-g"], folder)).out.trim();
    const installed = await run(
      node,
      // prettier-ignore
      [join(npm, "npm/bin/npm-cli.js"), "install", "--global", "--prefix", elsewhere, "--engine-strict", "--no-audit", "--no-fund", tarball],
      folder,
    );
    expect(installed).toMatchObject({ code: 0 });
    expect(installed.err).not.toMatch(/EBADENGINE/);
    const lock: { packages: Record<string, { version?: string }> } = JSON.parse(
      readFileSync("package-lock.json", "utf8"),
    );
    const there = join(elsewhere, "lib/node_modules/eim-pxe");
    const versions = ["fastify", "zod", "yaml", "pino", "commander", "cookie"].map((name) => {
      const { version } = JSON.parse(
        readFileSync(join(there, "node_modules", name, "package.json"), "utf8"),
      );
      return [name, version];
    });
    expect(versions).toEqual(
      versions.map(([name]) => [name, lock.packages[`node_modules/${name}`]?.version]),
    );
    expect(await run(node, [join(there, "dist/cli.js"), "check"], folder)).toMatchObject({
      code: 0,
    });
  });

  it("field fault 60: tells an older Node what it needs", async () => {
    const node = await nodeOf("18.20.4");
    const cli = join(folder, "node_modules/eim-pxe/dist/cli.js");
    const { code, out, err } = await run(node, [cli, "check"], folder);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^eim-pxe needs Node 20\.19 or later, and this is 18\.20\.4\.\n/);
    expect(err).not.toMatch(/fault of its own|SyntaxError/);
  });

  it("holds the program, its documents and its licence, and nothing else", async () => {
    const { out } = await run("tar", ["-tzf", tarball], folder);
    const files = out
      .trim()
      .split("\n")
      .map((name) => name.replace("package/", ""));
    const tops = new Set(files.map((name) => /^(?:docker\/)?[^/]+/.exec(name)?.[0] ?? ""));
    expect([...tops].toSorted()).toEqual(
      // prettier-ignore
      ["CHANGELOG.md", "LICENSE", "README.md", "dist", "docker/systemd", "docs", "examples", "node_modules", "package.json"],
    );
    const own = files.filter((name) => !name.startsWith("node_modules/"));
    expect(own).toEqual(
      expect.arrayContaining(["dist/cli.js", "docs/README.md", "docs/eim-pxe.1"]),
    );
    expect(own).toEqual(
      expect.arrayContaining([
        "dist/dashboard/index.html",
        "dist/dashboard/assets/licences.txt",
        "docker/systemd/eim-pxe.service",
      ]),
    );
    expect(
      own.filter((name) => /\.test\.|\.tsx?$(?<!\.d\.ts)|\.env|\.pem$|\.key$/.test(name)),
    ).toEqual([]);
  });

  it("brings along what its licences and its bill of materials name, each with its licence", async () => {
    const { out } = await run("tar", ["-tzf", tarball], folder);
    const files = out
      .trim()
      .split("\n")
      .map((name) => name.replace("package/", ""));
    const folders = files.flatMap(
      (name) => /^(.*node_modules\/(?:@[^/]+\/)?[^/@]+)\/package\.json$/.exec(name)?.[1] ?? [],
    );
    const brought = [...new Set(folders.map((path) => path.replace(/^.*node_modules\//, "")))];
    const named = shippedPackages().filter(({ where }) => where === "package");
    expect(brought.toSorted()).toEqual([...new Set(named.map(({ name }) => name))].toSorted());
    const withoutText = folders.filter(
      (path) =>
        !files.some(
          (name) => name.startsWith(`${path}/`) && /\/(licen[cs]e|copying)[^/]*$/i.test(name),
        ),
    );
    // Their makers published no text of it; docs/licences.md says so.
    expect(withoutText).toEqual(packagesWithoutText.map((name) => `node_modules/${name}`));
  });
});

describe("a release", () => {
  const version = z
    .object({ version: z.string() })
    .parse(JSON.parse(readFileSync("package.json", "utf8"))).version;

  it("has for its notes what the changelog says of this version", async () => {
    const { code, out } = await run("npx", ["tsx", "scripts/release-notes.ts"], ".");
    expect(code).toBe(0);
    expect(out).toMatch(/^### When you upgrade from /);
    const [, section = ""] = readFileSync("CHANGELOG.md", "utf8").split(`\n## ${version}\n`);
    expect(section.trim().startsWith(out.trim())).toBe(true);
    expect(section.trim().slice(out.trim().length).trim()).toMatch(/^## \d/);
  });

  it("has a bill of materials with everything that the package brings along, and its licences", async () => {
    const { out } = await run("npx", ["tsx", "scripts/sbom.ts"], ".");
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
      .parse(JSON.parse(out));
    expect(bill.metadata.component).toEqual({ name: "eim-pxe", version });
    const named = (all: readonly { readonly name: string; readonly version: string }[]) =>
      [...new Set(all.map((one) => `${one.name}@${one.version}`))].toSorted();
    expect(named(bill.components)).toEqual(named(shippedPackages()));
  });
});
