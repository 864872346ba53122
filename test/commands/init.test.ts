import { createHash, X509Certificate } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { commandLine } from "../../src/commands/command-line.ts";
import { init, type InitOptions } from "../../src/commands/init.ts";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { originUrls } from "../../src/setup/origin-url.ts";
import { proposedPool } from "../../src/setup/configuration-text.ts";
import { certify } from "../support/certificates.ts";
import { FakeProgram } from "../support/program.ts";
import { ServedSite } from "../support/served-site.ts";

/* `eim-pxe init` on loopback, where nobody answers DHCP. Beside other servers: test/interop/init.test.ts. */

const usual: InitOptions = {
  interface: "lo",
  mode: null,
  pool: null,
  origin: null,
  ca: { file: null, url: null, sha256: null },
  output: null,
  systemd: null,
  yes: true,
  force: false,
};

let site: ServedSite;
let folder = "";
beforeAll(async () => {
  site = await ServedSite.open();
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-init-test-"));
});
afterAll(async () => {
  await site.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("init", () => {
  it.concurrent("writes a configuration that check accepts, with the CA that it has fetched and shown", async () => {
    const output = join(folder, "first", "eim-pxe.yaml");
    const program = new FakeProgram();
    const origin = site.orchestrator.url();
    expect(await init(program, { ...usual, mode: "proxy", origin, output })).toBe(0);
    const said = program.written;
    expect(said).toContain(`${origin} answers.`);
    const fingerprint = /SHA-256 ([0-9A-F:]{95})/.exec(said)?.[1] ?? "";
    expect(said).toContain("compare this fingerprint");
    expect(said).toContain("eim-pxe doctor");
    const config = loadConfig({ file: output, environment: {} });
    expect(config.interfaces[0]).toMatchObject({ name: "lo", dhcp: { mode: "proxy" } });
    expect(config.artifacts).toMatchObject({
      origin: [origin],
      ca: {
        url: `${origin}/keys/Full_server.crt`,
        sha256: fingerprint.replaceAll(":", "").toLowerCase(),
      },
    });
    const text = readFileSync(output, "utf8");
    expect(text.split("\n").filter((line) => line.trim().startsWith("#")).length).toBeGreaterThan(
      5,
    );
  });

  it.concurrent("says which addresses it will give out, and that nobody saw the certificate of a host that is away", async () => {
    const output = join(folder, "away.yaml");
    const program = new FakeProgram();
    const pool = "127.0.0.100-127.0.0.199";
    const options = {
      ...usual,
      mode: "full",
      pool,
      origin: "https://127.0.0.1:1/tink-stack",
    } as const;
    expect(await init(program, { ...options, output })).toBe(0);
    const said = program.written;
    expect(said).toContain(`are given the addresses ${pool}`);
    expect(said).toContain("Its certificate could not be looked at.");
    const text = readFileSync(output, "utf8");
    expect(text).toContain("nobody has looked at its certificate");
    expect(text).not.toContain("A public CA");
    expect(loadConfig({ file: output, environment: {} }).interfaces[0]?.dhcp.mode).toBe("full");
  });

  it.concurrent("replaces no file without --force", async () => {
    const output = join(folder, "there.yaml");
    writeFileSync(output, "mine\n");
    const options = { ...usual, mode: "proxy", output } as const;
    await expect(init(new FakeProgram(), options)).rejects.toThrow(/there already.*--force/);
    expect(readFileSync(output, "utf8")).toBe("mine\n");
    expect(await init(new FakeProgram(), { ...options, force: true })).toBe(0);
    expect(readFileSync(output, "utf8")).toContain("dataDir");
  });

  it.concurrent("writes units for this host, and nothing where one is there", async () => {
    const units = join(folder, "units");
    const options = { ...usual, mode: "proxy", systemd: units } as const;
    const output = join(folder, "with-units.yaml");
    expect(await init(new FakeProgram(), { ...options, output })).toBe(0);
    const service = readFileSync(join(units, "eim-pxe.service"), "utf8");
    expect(service).toContain(`serve --config ${output}`);
    expect(service).toMatch(/^ExecStart=\/\S*node\S* \/\S+cli\.js /m);
    const socket = readFileSync(join(units, "eim-pxe.socket"), "utf8");
    expect(socket).toMatch(/^BindToDevice=lo$/m);
    expect(socket).not.toContain("eth1.device");
    const second = join(folder, "second.yaml");
    await expect(init(new FakeProgram(), { ...options, output: second })).rejects.toThrow(
      /eim-pxe\.service is there already/,
    );
    expect(existsSync(second)).toBe(false);
  });

  it.concurrent("names a configuration as systemd and a shell take it, whatever is in its name", async () => {
    const program = new FakeProgram();
    const paths = { systemd: join(folder, "odd-units"), output: join(folder, "a $HOME.yaml") };
    await init(program, { ...usual, ...paths, mode: "proxy" });
    expect(readFileSync(join(folder, "odd-units", "eim-pxe.service"), "utf8")).toContain(
      `serve --config "${join(folder, "a $$HOME.yaml")}"`,
    );
    expect(program.written).toContain(`eim-pxe doctor --config '${paths.output}'`);
  });

  it.concurrent("says what to do where the units cannot be written", async () => {
    const inTheWay = join(folder, "no-folder");
    writeFileSync(inTheWay, "");
    const paths = { systemd: join(inTheWay, "units"), output: join(folder, "no-units.yaml") };
    const failing = init(new FakeProgram(), { ...usual, ...paths, mode: "proxy" });
    await expect(failing).rejects.toThrow(ConfigError);
    await expect(failing).rejects.toThrow(
      /units in .* could not be written \(E[A-Z]+\): run eim-pxe init as root/,
    );
  });

  it.concurrent("says that the service cannot start a Node in a home folder, which the unit hides", async () => {
    const written = async (name: string, node: string) => {
      const program = new FakeProgram();
      const paths = { systemd: join(folder, name), output: join(folder, `${name}.yaml`) };
      await init(Object.assign(program, { node }), { ...usual, ...paths, mode: "proxy" });
      return program.written;
    };
    const ofNvm = "/root/.nvm/versions/node/v24.1.0/bin/node";
    expect(await written("of-nvm", ofNvm)).toContain(`this is in one: ${ofNvm}`);
    expect(await written("of-debian", "/usr/bin/node")).not.toMatch(/in one: .*\/usr\/bin\/node/);
  });

  it.concurrent("asks again what is no answer, and writes nothing when the fingerprint is another one", async () => {
    const output = join(folder, "asked.yaml");
    const answers = [
      "both",
      "full",
      "here",
      "127.0.0.10-127.0.0.20",
      site.orchestrator.url(),
      "no",
    ];
    const program = new FakeProgram(`${answers.join("\n")}\n`);
    await expect(init(program, { ...usual, yes: false, output })).rejects.toThrow(
      /not to be believed, so nothing was written/,
    );
    const said = program.written;
    expect(said).toContain("proxy or full.");
    expect(said).toContain("Two addresses");
    expect(existsSync(output)).toBe(false);
  });

  it.concurrent("takes answers, and refuses what check would refuse", async () => {
    const output = join(folder, "answered.yaml");
    const program = new FakeProgram("full\n127.0.0.10-127.0.0.20\n\n");
    expect(await init(program, { ...usual, yes: false, output })).toBe(0);
    const config = loadConfig({ file: output, environment: {} });
    expect(config.interfaces[0]?.dhcp.pools).toEqual([{ first: "127.0.0.10", last: "127.0.0.20" }]);
    expect(config.artifacts.origin).toBeNull();
    const outside = join(folder, "outside.yaml");
    const pool = { ...usual, pool: "10.0.0.1-10.0.0.9", output: outside } as const;
    await expect(init(new FakeProgram(), pool)).rejects.toThrow(/10\.0\.0\.1|pool/);
    expect(existsSync(outside)).toBe(false);
  });

  it.concurrent("ends when the input does", async () => {
    const program = new FakeProgram("proxy\n");
    const output = join(folder, "ended.yaml");
    await expect(init(program, { ...usual, yes: false, output })).rejects.toThrow(/--yes/);
    expect(existsSync(output)).toBe(false);
  });

  it.concurrent("says what is wrong with an origin, and with a CA that has not the fingerprint", async () => {
    const program = new FakeProgram();
    const origin = site.orchestrator.url();
    const ca = { file: null, url: null, sha256: "0".repeat(64) };
    const output = join(folder, "pinned.yaml");
    expect(await init(program, { ...usual, mode: "proxy", origin, ca, output })).toBe(0);
    expect(program.written).toMatch(
      /cannot be used now.*is not the one that artifacts\.ca\.sha256 expects/s,
    );
    expect(loadConfig({ file: output, environment: {} }).artifacts.ca.sha256).toBe("0".repeat(64));
  });
});

describe("init with --ca-file and --ca-sha256", () => {
  const caFile = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text);
    return file;
  };
  const written = async (file: string, sha256: string) => {
    const output = `${file}.yaml`;
    const origin = ["--origin", site.orchestrator.url(), "--ca-file", file, "--ca-sha256", sha256];
    const place = ["--interface", "lo", "--mode", "proxy", "--output", output, "--yes"];
    const cli = commandLine(new FakeProgram(), "0.2.0", () => {});
    await cli.exitOverride().parseAsync(["init", ...place, ...origin], { from: "user" });
    return loadConfig({ file: output, environment: {} }).artifacts.ca;
  };
  const fingerprintOf = (pem: string) =>
    new X509Certificate(pem).fingerprint256.replaceAll(":", "").toLowerCase();

  it.concurrent("takes the file whose certificate has the fingerprint, or that has it itself", async () => {
    const ca = site.read("ca.pem");
    const alone = caFile("alone.pem", ca);
    expect(await written(alone, fingerprintOf(ca))).toEqual({
      file: alone,
      url: null,
      sha256: null,
    });
    const commented = caFile("commented.pem", `# of the site\n${ca}`);
    const sha256 = createHash("sha256").update(readFileSync(commented)).digest("hex");
    expect(await written(commented, sha256)).toMatchObject({ file: commented });
  });

  it.concurrent("refuses another certificate in words, and one that comes along with the right one", async () => {
    const ca = site.read("ca.pem");
    const { cert: other } = await certify("another CA", null, { isCa: true });
    const wrong = caFile("wrong.pem", other);
    await expect(written(wrong, fingerprintOf(ca))).rejects.toThrow(
      /wrong\.pem is not the CA that --ca-sha256 expects \([0-9a-f]{64}\): .*[0-9A-F:]{95}/,
    );
    expect(existsSync(`${wrong}.yaml`)).toBe(false);
    const both = caFile("both.pem", ca + other);
    await expect(written(both, fingerprintOf(ca))).rejects.toThrow(/both\.pem .*more than/);
    const none = caFile("none.pem", "nothing\n");
    await expect(written(none, fingerprintOf(ca))).rejects.toThrow(/no certificate/);
  });
});

describe("the orchestrator's URL", () => {
  it.each([
    [
      "cluster.example.com",
      [
        "https://tinkerbell-haproxy.cluster.example.com/tink-stack",
        "https://tinkerbell-nginx.cluster.example.com/tink-stack",
      ],
    ],
    ["tinkerbell-nginx.c.example", ["https://tinkerbell-nginx.c.example/tink-stack"]],
    ["https://o.example:9443", ["https://o.example:9443/tink-stack"]],
    ["https://o.example/tink-stack/", ["https://o.example/tink-stack"]],
    ["o.example/tink-stack", ["https://o.example/tink-stack"]],
    ["not a domain", []],
    ["https://", []],
  ])("of %s", (text, urls) => {
    expect(originUrls(text)).toEqual(urls);
  });
});

describe("the proposed pool", () => {
  const pool = (network: string, prefixLength: number, own: string) =>
    proposedPool({ network, prefixLength }, own);
  it("is the middle of a usual network, and the upper half of a small one, without this host", () => {
    expect(pool("10.9.1.0", 24, "10.9.1.1")).toBe("10.9.1.100-10.9.1.199");
    expect(pool("10.9.1.0", 24, "10.9.1.120")).toBe("10.9.1.121-10.9.1.199");
    expect(pool("10.9.1.0", 24, "10.9.1.199")).toBe("10.9.1.100-10.9.1.198");
    expect(pool("10.9.1.16", 28, "10.9.1.17")).toBe("10.9.1.24-10.9.1.30");
    expect(pool("10.9.0.0", 16, "10.9.0.1")).toBe("10.9.0.100-10.9.0.199");
    expect(pool("10.9.1.0", 30, "10.9.1.1")).toBeNull();
  });
});
