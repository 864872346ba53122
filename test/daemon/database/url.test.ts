import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readDatabaseUrl, readUrlFile, urlIn } from "../../../src/daemon/database/url.ts";

describe("the URL of the database", () => {
  test.each([
    [
      "postgres://u:p@db.site:5432/eim",
      { tls: "prefer", place: "the database eim at db.site:5432" },
    ],
    ["postgresql://u@db/eim?sslmode=disable", { tls: "off" }],
    ["postgres://u@db/eim?sslmode=require", { tls: "unchecked" }],
    ["postgres://u@db/eim?sslmode=verify-full", { tls: "checked", caFile: null }],
    ["postgres://u@db/eim?sslrootcert=ca.crt", { tls: "checked", caFile: "ca.crt" }],
    [
      "postgres://u@a:1,b:2/eim",
      { place: "the database eim at a:1,b:2", url: "postgres://u@a:1,b:2/eim" },
    ],
    ["postgres://u@/eim?host=/run/postgresql", { socketFolder: "/run/postgresql", tls: "off" }],
    [
      "postgres:///eim?application_name=x",
      { tls: "off", url: "postgres://localhost/eim?application_name=x" },
    ],
    ["  postgres://u@db/eim\n", { url: "postgres://u@db/eim" }],
  ])("%s", (text, expected) => {
    expect(readDatabaseUrl(text)).toMatchObject(expected);
  });

  test.each([
    "",
    "db.site",
    "mysql://u@db/eim",
    "postgres://u@db/eim?sslmode=maybe",
    "postgres://u@db:x/eim",
    "postgres://a b/eim",
  ])("%j is none", (text) => {
    expect(readDatabaseUrl(text)).toBeNull();
  });

  test("what is wrong with its file is said without the password", async () => {
    expect(() => urlIn("postgres://u:secret@db:x/eim", "/etc/database.url")).toThrow(
      /^\/etc\/database\.url:1:1: must have the database's URL on one line, such as (?!.*secret)/,
    );
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-url-"));
    const file = join(folder, "database.url");
    await expect(readUrlFile(file)).rejects.toThrow(`${file}: the database's URL cannot be read`);
    writeFileSync(file, "postgres://u:p@db/eim?sslrootcert=ca.crt");
    expect((await readUrlFile(file)).caFile).toBe(join(folder, "ca.crt"));
    rmSync(folder, { recursive: true });
  });
});
