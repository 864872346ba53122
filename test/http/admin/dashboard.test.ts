import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminSite } from "../../support/admin-site.ts";

let site: AdminSite;
let folder: string;
beforeEach(() => {
  site = new AdminSite();
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-dashboard-"));
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), "<!doctype html><title>page</title>");
  writeFileSync(join(folder, "assets", "main-ABC.js"), "let one = 1;");
  writeFileSync(join(folder, "assets", "main-ABC.js.gz"), gzipSync("let one = 1;"));
  writeFileSync(join(folder, "secret.txt"), "not for browsers");
});
afterEach(async () => {
  await site.close();
  rmSync(folder, { recursive: true });
});

test("the page is served without a token, with nothing from elsewhere, and asked for each time", async () => {
  const app = site.app({ dashboardFolder: folder, token: "s3cret-of-the-site" });
  const page = await app.inject("/");
  expect(page.statusCode).toBe(200);
  expect(page.headers["content-type"]).toContain("text/html");
  expect(page.headers["cache-control"]).toBe("no-cache");
  const policy = String(page.headers["content-security-policy"]);
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/unsafe|\*|https?:/);
  expect(page.headers["x-content-type-options"]).toBe("nosniff");
  expect((await app.inject("/api/v1/boots")).statusCode).toBe(401);
});

test("its files are kept by the browser, and come as they were compressed", async () => {
  const app = site.app({ dashboardFolder: folder });
  const url = "/dashboard/main-ABC.js";
  const plain = await app.inject({ url });
  expect(plain.body).toBe("let one = 1;");
  expect(plain.headers["cache-control"]).toContain("immutable");
  expect(plain.headers["content-type"]).toContain("javascript");
  const packed = await app.inject({ url, headers: { "accept-encoding": "gzip, br" } });
  expect(packed.headers["content-encoding"]).toBe("gzip");
  expect(packed.rawPayload).toEqual(gzipSync("let one = 1;"));
});

test("nothing beside them is served, nor to a foreign page", async () => {
  const app = site.app({ dashboardFolder: folder });
  for (const url of [
    "/dashboard/../secret.txt",
    "/dashboard/..%2fsecret.txt",
    "/dashboard/%2e%2e/secret.txt",
    "/dashboard/",
    "/dashboard/nothing.js",
    "/secret.txt",
  ]) {
    const reply = await app.inject({ url });
    expect([url, reply.statusCode >= 400]).toEqual([url, true]);
    expect(reply.body).not.toContain("not for browsers");
  }
  const foreign = await app.inject({ url: "/", headers: { host: "elsewhere.example" } });
  expect(foreign.statusCode).toBe(403);
});

test("whoever asks for its head alone, or for a file that is not there, is answered as by the rest of the port", async () => {
  const app = site.app({ dashboardFolder: folder });
  const head = await app.inject({ method: "HEAD", url: "/dashboard/main-ABC.js" });
  expect(head).toMatchObject({ statusCode: 200, body: "" });
  expect(head.headers["content-length"]).toBe("12");
  const missing = await app.inject("/dashboard/nothing.js");
  expect(missing.json()).toEqual({
    error: { code: "NOT_FOUND", message: "nothing is served at this path" },
  });
  const posted = await app.inject({ method: "POST", url: "/dashboard/main-ABC.js" });
  expect(posted).toMatchObject({ statusCode: 405, headers: { allow: "GET, HEAD" } });
});

test("where it was not built there is none, and the API is there", async () => {
  const app = site.app({ dashboardFolder: null });
  expect((await app.inject("/")).statusCode).toBe(404);
  expect((await app.inject("/api/v1/boots")).statusCode).toBe(200);
});
