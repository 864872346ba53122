import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { explainBoot } from "../../src/commands/explain-boot.ts";
import { announceRunning } from "../../src/daemon/state/instance-file.ts";
import { UnreachableError } from "../../src/lib/errors.ts";
import { AdminSite, at, startedAtMs } from "../support/admin-site.ts";
import { FakeProgram } from "../support/program.ts";

const machine = { mac: "08:00:27:29:4e:67", address: "192.168.77.100" };
const id = `${machine.mac}@2026-03-06T10:00:00.000Z`;
const sum = (digit: string) => digit.repeat(64);

let folder = "";
let config = "";
let site: AdminSite;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-explain-"));
  config = join(folder, "eim-pxe.yaml");
  writeFileSync(config, "dataDir: data\ninterfaces: [{ name: nosuch1, address: 192.168.77.1 }]\n");
  site = new AdminSite();
});
afterEach(async () => {
  await site.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A boot with a kernel whose sum is known, an own file whose sum is not, and one that somebody fetched in its name. */
async function serve(): Promise<void> {
  const { sessions } = site;
  sessions.record("script", machine, {}, at(startedAtMs));
  const kernel = { event: "kernel-done", ...machine, bytes: 9, durationMs: 1 } as const;
  const sent = { ...kernel, file: "vmlinuz-x86_64", sha256: sum("b") };
  sessions.observe(sent, at(startedAtMs + 1000));
  const own = { bytes: 9, durationMs: 1, retransmissions: 0, protocol: "http" } as const;
  const asset = { event: "asset-sent", ...machine, file: "extra.cpio", ...own } as const;
  sessions.observe(asset, at(startedAtMs + 2000));
  sessions.observe({ ...kernel, file: "other", sha256: sum("c") }, at(startedAtMs + 3000), true);
  const admin = await site.app().listen({ port: 0, host: "127.0.0.1" });
  await announceRunning(join(folder, "data"), { pid: 1, admin, instance: "this one" });
}

async function explained(boot: string, json = false) {
  const program = new FakeProgram();
  const exit = await explainBoot(program, { config, boot, json });
  const said: unknown = program.err.read();
  return { exit, out: program.written, err: String(said) };
}

describe("eim-pxe explain --boot", () => {
  test("lists what the machine was given, with the SHA-256 of each file, for people", async () => {
    await serve();
    const { exit, out } = await explained(id);
    expect(exit).toBe(0);
    expect(out).toContain(`boot       ${id}\n`);
    expect(out).toMatch(/^status {5}\S+, at stage script$/m);
    const [, ...rows] = out.slice(out.indexOf("It was given")).trimEnd().split("\n").slice(1);
    expect(rows).toEqual([
      expect.stringMatching(new RegExp(`^2026-03-06T10:00:01.000Z +${sum("b")} +vmlinuz-x86_64$`)),
      expect.stringMatching(/^2026-03-06T10:00:02.000Z +not verified: .* extra\.cpio$/),
      expect.stringMatching(new RegExp(`${sum("c")} +other \\(to somebody who named`)),
    ]);
  });

  test("takes a machine's address for its last boot, in any notation, and prints what the API answers", async () => {
    await serve();
    const { exit, out } = await explained("08-00-27-29-4E-67", true);
    const answer = await site.app().inject(`/api/v1/boots/${encodeURIComponent(id)}`);
    expect([exit, JSON.parse(out)]).toEqual([0, answer.json()]);
    expect(answer.json()).toMatchObject({
      given: [{ file: "vmlinuz-x86_64", sha256: sum("b"), certainty: "proved" }, {}, {}],
    });
  });

  test.each(["nobody@2026", "02:00:00:00:00:01"])(
    "says that no boot is kept as %s",
    async (name) => {
      await serve();
      const { exit, out, err } = await explained(name);
      expect([exit, out]).toEqual([2, ""]);
      expect(err).toMatch(/The server answered: no boot .* kept/);
    },
  );

  test("needs a running server, and says how to start it", async () => {
    await expect(explained(id)).rejects.toThrow(UnreachableError);
    await expect(explained(id)).rejects.toThrow(/eim-pxe serve/);
  });
});
