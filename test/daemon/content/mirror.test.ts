import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { makeMicroOs } from "../../../src/demo/micro-os.ts";
import { type Command, Program } from "../../support/command.ts";
import { ServedSite, urlOf } from "../../support/served-site.ts";

let program: Program;
let site: ServedSite;
let config: string;
const running: Command[] = [];

beforeAll(async () => {
  program = await Program.build();
});
afterAll(() => program.remove());
beforeEach(async () => {
  site = await ServedSite.open();
  config = site.configuration();
});
afterEach(async () => {
  for (const command of running.splice(0)) {
    command.kill("SIGKILL");
    await command.finished();
  }
  await site.close();
});

const listing = z.object({
  current: z.string().nullable(),
  pinned: z.string().nullable(),
  generations: z.array(z.object({ id: z.string() })),
});

async function artifacts(
  ...args: string[]
): Promise<{ code: number | null; out: string; err: string }> {
  return program.run(["artifacts", ...args, "--config", config]);
}

async function listed(): Promise<z.output<typeof listing>> {
  return listing.parse(JSON.parse((await artifacts("list", "--json")).out));
}

function renew(seed: string): void {
  const { initramfs } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes: 100_000, seed });
  site.orchestrator.replace("initramfs-x86_64", initramfs);
}

describe("eim-pxe artifacts", () => {
  it("lists, rolls back, and goes on with the newest", async () => {
    expect((await artifacts("list")).out).toContain("There is no generation yet");
    expect((await artifacts("pin", "latest")).out).toBe(
      `There is no generation yet; run: eim-pxe sync --config ${config}\n`,
    );
    await program.run(["sync", "--config", config]);
    renew("2");
    await program.run(["sync", "--config", config]);
    const { current, generations } = await listed();
    expect(generations.map(({ id }) => id)).toEqual([current, expect.stringMatching(/^000001-/)]);
    const text = (await artifacts("list")).out;
    expect(text).toMatch(/^000002-\S+ {2}served /);
    expect(text).toMatch(/ [0-9a-f]{64} {2}vmlinuz-x86_64\n/);
    expect((await artifacts("rollback")).out).toMatch(/^Generation 000001-.* \(pinned; /);
    expect((await listed()).current).toMatch(/^000001-/);
    expect((await artifacts("rollback")).err).toMatch(/there is no older generation/);
    expect((await artifacts("pin", "latest")).code).toBe(0);
    expect((await listed()).current).toBe(current);
    expect(await artifacts("pin", "nonsense")).toMatchObject({ code: 3 });
  });

  it("finds bit rot, and says what to do", async () => {
    await program.run(["sync", "--config", config]);
    expect(await artifacts("verify")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Whole: \d{6}-\S+\.\n$/),
    });
    const { current } = await listed();
    const file = site.path(`data/artifacts/generations/${current}/vmlinuz-x86_64`);
    rmSync(file);
    writeFileSync(file, Buffer.alloc(20_000));
    const { code, err } = await artifacts("verify");
    expect(code).toBe(3);
    expect(err).toMatch(/^000001-.*: (the content of )?vmlinuz-x86_64 .*\n.*next synchronisation/);
  });

  it("asks the server where one runs, which serves the result at once", async () => {
    const server = program.start(["serve", "--config", config]);
    running.push(server);
    await server.event("ready");
    const boot = `${await urlOf(server, "http")}/artifacts/initramfs-x86_64`;
    const etag = async () => (await fetch(boot, { method: "HEAD" })).headers.get("etag");
    const first = await etag();
    renew("2");
    await program.run(["sync", "--config", config]);
    const second = await etag();
    expect(second).not.toBe(first);
    expect((await artifacts("rollback")).code).toBe(0);
    expect(await etag()).toBe(first);
    await server.event("generation-pinned");
    expect((await artifacts("verify")).out).toMatch(/^Whole: \S+, \S+\.\n$/);
    await artifacts("pin", "latest");
    expect(await etag()).toBe(second);
  });

  it.each(["set", "set.tar"])("brings a set to a site without a line: %s", async (name) => {
    await program.run(["sync", "--config", config]);
    const target = site.path(name);
    expect((await artifacts("export", target)).code).toBe(0);
    await site.orchestrator.close();
    const elsewhere = { EIM_PXE_DATA_DIR: site.path("elsewhere") };
    const server = program.start(["serve", "--config", config], elsewhere);
    running.push(server);
    await server.event("not-ready");
    const brought = await program.run(["artifacts", "import", target, "-c", config], elsewhere);
    expect(brought).toMatchObject({ code: 0, out: expect.stringMatching(/^Generation 000001-/) });
    await server.event("ready");
    const url = await urlOf(server, "http");
    expect((await fetch(`${url}/boot.ipxe`)).status).toBe(200);
    expect(readdirSync(site.path("elsewhere/artifacts/staging"))).toEqual([]);
  });

  it("refuses an import that was changed on its way, is not whole, or leads elsewhere", async () => {
    await program.run(["sync", "--config", config]);
    const set = site.path("set");
    await artifacts("export", set);
    const { initramfs } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes: 1000, seed: "x" });
    writeFileSync(join(set, "initramfs-x86_64"), initramfs);
    expect((await artifacts("import", set)).err).toMatch(/initramfs-x86_64 .* its SHA-256 is/);
    rmSync(join(set, "initramfs-x86_64"));
    expect((await artifacts("import", set)).err).toMatch(/has no initramfs-x86_64/);
    symlinkSync("/etc/passwd", join(set, "initramfs-x86_64"));
    execFileSync("tar", ["-cf", site.path("link.tar"), "-C", set, "."]);
    expect((await artifacts("import", site.path("link.tar"))).err).toMatch(/has no initramfs/);
    mkdirSync(site.path("empty"));
    expect((await artifacts("import", site.path("empty"))).code).toBe(3);
    expect((await artifacts("import", site.path("none.tar"))).err).toMatch(/could not be read/);
    expect((await listed()).generations).toHaveLength(1);
    expect(readdirSync(site.path("data/artifacts/staging"))).toEqual([]);
  });

  it("mirrors from another eim-pxe of the site, which takes it for no machine", async () => {
    const first = program.start(["serve", "--config", config]);
    running.push(first);
    await first.event("ready");
    const elsewhere = {
      EIM_PXE_DATA_DIR: site.path("second"),
      EIM_PXE_ARTIFACTS__ORIGIN: `${await urlOf(first, "http")}/artifacts`,
      EIM_PXE_ARTIFACTS__CA__FILE: "null",
    };
    const sync = () => program.run(["sync", "--json", "-c", config], elsewhere);
    const { code, out } = await sync();
    expect(code).toBe(0);
    const result = z.object({ fetched: z.array(z.unknown()) });
    expect(result.parse(JSON.parse(out)).fetched).toHaveLength(3);
    // By its entity tags, which are the SHA-256, nothing is fetched twice, and through another address neither.
    elsewhere.EIM_PXE_ARTIFACTS__ORIGIN = elsewhere.EIM_PXE_ARTIFACTS__ORIGIN.replace(
      "127.0.0.1",
      "localhost",
    );
    expect(result.parse(JSON.parse((await sync()).out)).fetched).toEqual([]);
    expect(first.log().filter(({ event }) => event === "kernel")).toEqual([]);
  });

  it("shows whose CA is trusted on first use, and goes on by itself", async () => {
    const trusting = site.configuration().replace("eim-pxe.yaml", "first-use.yaml");
    const text = site
      .read("eim-pxe.yaml")
      .replace(
        "ca: { file: ca.pem }",
        `ca: { url: "${site.orchestrator.url()}/keys/Full_server.crt" }`,
      );
    site.write("first-use.yaml", text);
    const { code, err } = await program.run(["sync", "--config", trusting]);
    expect(code).toBe(0);
    expect(err).toMatch(
      /a CA was fetched and is trusted from now on: .*fingerprint [0-9A-F:]{95}, how first-use/,
    );
  });
});
