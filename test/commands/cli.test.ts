import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Program } from "../support/command.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-cli-"));
let program: Program;
beforeAll(async () => {
  program = await Program.build();
});
afterAll(async () => {
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
});

const run: Program["run"] = (...args) => program.run(...args);

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

it("serve is few files, and has nothing in them that is loaded when it is needed", () => {
  const loaded = program.filesOf(/^serve-\w+\.js$/);
  expect(loaded.map(({ name }) => name).length).toBeLessThan(30);
  const packages = loaded.flatMap(({ sources }) =>
    sources.flatMap((source) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1] ?? []),
  );
  expect(packages).toContain("fastify");
  for (const name of [
    "@fastify/static",
    "@fastify/swagger",
    "@opentelemetry/api",
    "ajv",
    "light-my-request",
    "pino-pretty",
    "postgres",
    "tar",
  ]) {
    expect(packages).not.toContain(name);
  }
});

describe("eim-pxe check", () => {
  it("accepts the example configuration", async () => {
    const { code, out, err } = await run(["check", "--config", "examples/eim-pxe.yaml"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("eth1 (proxy)");
  });

  it("ends with 2 and one line for each problem", async () => {
    const broken = file("broken.yaml", "http:\n  port: many\nbogus: 1\n");
    const { code, err } = await run(["check", "--config", broken]);
    expect(code).toBe(2);
    expect(err.trim().split("\n")).toEqual([
      expect.stringMatching(/broken\.yaml:2:9: http\.port: /),
      expect.stringMatching(/broken\.yaml:3:1: unknown key "bogus"$/),
    ]);
  });

  it("says which of the files that it names are missing or wrong", async () => {
    file("nodes.yaml", "- mac: nonsense\n");
    file("token", "two words of 24 letters\n");
    const pem = "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n";
    const config = file(
      "c.yaml",
      `nodes: {file: nodes.yaml}\nadmin: {tokenFile: token}\nartifacts: {ca: {file: ${file("ca.pem", pem)}}}\n`,
    );
    const { code, err } = await run(["check", "--config", config]);
    expect(code).toBe(2);
    expect(err).toMatch(/nodes\.yaml:1:8: \[0\]\.mac: must be a MAC address/);
    expect(err).toMatch(/ca\.pem:1:1: holds a certificate that cannot be read/);
    expect(err).toMatch(/token:1:1: the token must be one word of at least 16 characters/);
    const absent = await run(["check", "-c", config], { EIM_PXE_ARTIFACTS__CA__FILE: "nowhere" });
    expect(absent.err).toMatch(/nowhere:1:1: the CA file cannot be read: there is no such file/);
  });

  it("looks at the script of the site's own", async () => {
    const check = (name: string) =>
      run(["check", "--config", file("script.yaml", `boot: {script: ${name}}\n`)]);
    file("right.ipxe", "#!ipxe\nboot http://x/y\n");
    file("wrong.ipxe", "#!/bin/sh\n");
    expect((await check("right.ipxe")).code).toBe(0);
    expect((await check("wrong.ipxe")).err).toMatch(/wrong\.ipxe:1:1: .* is not an iPXE script/);
    expect((await check("none.ipxe")).err).toMatch(/none\.ipxe:1:1: the boot\.script file cannot/);
  });

  it("ends with 2 when the configuration is not there", async () => {
    const { code, err } = await run(["check", "--config", join(folder, "none.yaml")]);
    expect(code).toBe(2);
    expect(err).toContain("there is no such file");
  });

  it("takes the environment into account", async () => {
    const { code, err } = await run(["check", "-c", "examples/eim-pxe.yaml"], {
      EIM_PXE_HTTP__PORT: "70000",
    });
    expect(code).toBe(2);
    expect(err).toContain("environment variable EIM_PXE_HTTP__PORT: http.port: ");
  });
});

describe("eim-pxe schema", () => {
  it("prints a JSON Schema with every top-level key", async () => {
    const { code, out } = await run(["schema"]);
    expect(code).toBe(0);
    expect(Object.keys(JSON.parse(out).properties)).toEqual(
      expect.arrayContaining([
        "dataDir",
        "interfaces",
        "dhcp",
        "boot",
        "tftp",
        "http",
        "artifacts",
      ]),
    );
  });
});

describe("eim-pxe", () => {
  it("ends with 2 for a command that does not exist, and with 0 for --help", async () => {
    expect((await run(["bogus"])).code).toBe(2);
    const help = await run(["--help"]);
    expect(help.code).toBe(0);
    expect(help.out).toContain("serve");
  });

  it("tells its version", async () => {
    expect((await run(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe("eim-pxe serve", () => {
  it("ends with 2 when an interface of its configuration does not exist", async () => {
    const config = file("serve.yaml", "dataDir: data\ninterfaces: [{name: nosuch0}]\n");
    const { code, err } = await run(["serve", "-c", config]);
    expect(code).toBe(2);
    expect(err).toContain("there is no network interface nosuch0");
  });
});

describe("eim-pxe sync", () => {
  it("ends with 3 and says what to do when there is nothing to fetch from", async () => {
    const config = file("sync.yaml", "dataDir: data\n");
    const { code, err } = await run(["sync", "-c", config]);
    expect(code).toBe(3);
    expect(err).toContain("artifacts.origin is not set");
  });

  it("ends with 3 and names the origin when it cannot be reached", async () => {
    const config = file(
      "down.yaml",
      "dataDir: data\nartifacts: {origin: 'https://127.0.0.1:1/tink-stack'}\n",
    );
    const { code, out } = await run(["sync", "-c", config, "--json"]);
    expect(code).toBe(3);
    expect(JSON.parse(out).error).toContain("127.0.0.1:1");
  });
});

describe("eim-pxe demo", () => {
  it("boots every machine and ends with 0", async () => {
    const { code, out } = await run(["demo", "--once", "--nodes", "4"]);
    expect(out).toContain("Every machine is in its Micro-OS.");
    expect(code).toBe(0);
    const rows = out.split("\n").filter((line) => line.startsWith("02:00:00:77:"));
    expect(rows).toHaveLength(4);
    expect(rows.every((row) => row.includes("micro-os"))).toBe(true);
    expect(rows.map((row) => row.split(/\s+/)[1])).toEqual(["uefi", "bios", "uefi-http", "ipxe"]);
  });

  it("leaves nothing behind when it is interrupted", async () => {
    const temporary = join(folder, "temporary");
    mkdirSync(temporary);
    const demo = program.start(["demo"], { TMPDIR: temporary });
    await demo.output("discover");
    expect(readdirSync(temporary)).toHaveLength(1);
    demo.kill("SIGINT");
    expect((await demo.finished()).code).toBe(4);
    expect(readdirSync(temporary)).toEqual([]);
  });
});
