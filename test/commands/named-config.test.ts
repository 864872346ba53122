import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runCommandLine } from "../../src/commands/run.ts";
import { createLog, createTerminalLog } from "../../src/observe/log.ts";
import { AdminSite } from "../support/admin-site.ts";
import { FakeProgram } from "../support/program.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-named-"));
  file = join(folder, "other.yaml");
  writeFileSync(file, "dataDir: data\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const textOf = (stream: PassThrough): string => {
  const text: unknown = stream.read();
  return text instanceof Uint8Array ? Buffer.from(text).toString("utf8") : "";
};

describe("field fault 69: what names a command names the --config that was used", () => {
  test.each<[readonly string[], string]>([
    [["artifacts", "verify"], "sync"],
    [["artifacts", "list"], "sync"],
    [["artifacts", "export", "x.tar"], "sync"],
    [["nodes", "list"], "serve"],
    [["check"], "artifacts import"],
  ])("as %j does, which says: eim-pxe %s", async (words, command) => {
    const program = new FakeProgram();
    await runCommandLine(program, ["node", "eim-pxe", ...words, "--config", file]);
    expect(textOf(program.out) + textOf(program.err)).toContain(
      `eim-pxe ${command} --config ${file}`,
    );
  });

  test("as the admin port does, in replies and in events", async () => {
    const site = new AdminSite();
    const reasons = ["run eim-pxe sync, which says why"];
    const app = site.app({
      configFile: file,
      readiness: () => ({ ready: false, reasons, unserved: [] }),
    });
    const reply = await app.inject("/readyz");
    expect(reply.json()).toMatchObject({
      reasons: [`run eim-pxe sync --config ${file}, which says why`],
    });
    await site.close();
  });

  test.each([false, true])("as the log does, for people: %s", async (pretty) => {
    const out = new PassThrough();
    const settings = { level: "info", out, configFile: file } as const;
    const log = pretty ? await createTerminalLog(settings) : createLog(settings);
    log.warn(
      { event: "not-ready", reasons: ["run eim-pxe sync, which says why"] },
      "no machine could boot",
    );
    expect(textOf(out)).toContain(`eim-pxe sync --config ${file}, which says why`);
  });
});
