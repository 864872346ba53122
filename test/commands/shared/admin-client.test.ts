import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { findAdmin, requireAdmin } from "../../../src/commands/shared/admin-client.ts";
import { loadSettings } from "../../../src/daemon/settings/settings.ts";
import { sync } from "../../../src/commands/sync.ts";
import { UnreachableError } from "../../../src/lib/errors.ts";
import { AnnouncedServer } from "../../support/announced-server.ts";
import { FakeProgram } from "../../support/program.ts";

const response = { 200: z.object({ number: z.number() }) };
const one = { method: "GET", url: "/one", schema: { summary: "", response } } as const;
const two = { method: "POST", url: "/two/:name", schema: { summary: "", response } } as const;

let folder = "";
let config = "";
let server: AnnouncedServer | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-admin-"));
  config = join(folder, "eim-pxe.yaml");
  writeFileSync(config, "dataDir: data\n");
});
afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

async function serving(status: number, body: object): Promise<AnnouncedServer> {
  server = await AnnouncedServer.in(join(folder, "data"), { status, body });
  return server;
}

describe("the server of a data folder", () => {
  test("is nobody where none runs, which some commands cannot do without", async () => {
    const settings = loadSettings(config, {});
    expect(await findAdmin(settings)).toBeNull();
    await expect(requireAdmin(settings)).rejects.toThrow(
      /^no server runs in .*data: start it with/,
    );
    await expect(requireAdmin(settings)).rejects.toThrow(UnreachableError);
  });

  test("is asked with the token, and with a body where there is one", async () => {
    const { asked } = await serving(200, { number: 7 });
    const admin = await requireAdmin({ ...loadSettings(config, {}), adminToken: "secret" });
    expect(await admin.ask(one)).toEqual({ number: 7 });
    expect(
      await admin.ask(two, {
        params: { name: "a/b" },
        query: { of: "c d" },
        body: { some: "thing" },
      }),
    ).toEqual({ number: 7 });
    expect(asked.map(({ line, body }) => [line, body])).toEqual([
      ["GET /one", ""],
      ["POST /two/a%2Fb?of=c+d", '{"some":"thing"}'],
    ]);
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(
      Array(2).fill("Bearer secret"),
    );
    expect(asked[1]?.headers["content-type"]).toBe("application/json");
  });

  test.each([
    [404, { error: { code: "NOT_FOUND", message: "it is not here" } }, "it is not here"],
    [200, { letter: "x" }, '{"letter":"x"}'],
    [500, { number: 7 }, '{"number":7}'],
  ])("says what is wrong: status %i and %j", async (status, body, expected) => {
    await serving(status, body);
    const admin = await requireAdmin(loadSettings(config, {}));
    expect(await admin.ask(one)).toBe(expected);
  });

  test("is told apart when it hangs up", async () => {
    (await serving(200, {})).answer = null;
    const admin = await requireAdmin(loadSettings(config, {}));
    const asking = admin.ask(one);
    await expect(asking).rejects.toThrow(UnreachableError);
    await expect(asking).rejects.toThrow(/\(pid 1\) could not be asked at http:\/\/127\.0\.0\.1:/);
  });
});

describe("eim-pxe sync", () => {
  const result = { generation: "000002-x", changed: true, fetched: [], durationMs: 1 };

  test("is done by the server", async () => {
    const { asked } = await serving(200, result);
    const program = new FakeProgram();
    expect(await sync(program, { config, json: true })).toBe(0);
    expect(JSON.parse(program.written)).toEqual(result);
    expect(asked.map(({ line }) => line)).toEqual(["POST /api/v1/artifacts/sync"]);
  });

  test.each([
    [
      "refuses",
      { status: 502, body: { error: { code: "SYNC_FAILED", message: "no line" } } },
      "the server answered: no line",
    ],
    ["does not answer", null, expect.stringContaining("could not be asked")],
  ])("has failed, in JSON too, when it %s", async (_, answer, error) => {
    (await serving(200, {})).answer = answer;
    const program = new FakeProgram();
    expect(await sync(program, { config, json: true })).toBe(3);
    expect(JSON.parse(program.written)).toEqual({ error });
  });
});
