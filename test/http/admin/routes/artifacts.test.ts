import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InternalError, SyncError } from "../../../../src/lib/errors.ts";
import { AdminSite } from "../../../support/admin-site.ts";

const headers = { "content-type": "application/json" };
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

describe("/api/v1/artifacts", () => {
  test("lists the generations and tells the current one", async () => {
    const reply = await site.app().inject("/api/v1/artifacts");
    const manifest = { version: 1, files: [] };
    expect(reply.json()).toMatchObject({
      current: "g2",
      pinned: null,
      loaders: [],
      generations: [
        { id: "g2", current: true, manifest },
        { id: "g1", current: false, manifest },
      ],
    });
  });

  test("sync runs a synchronisation and gives its result", async () => {
    const reply = await site
      .app()
      .inject({ method: "POST", url: "/api/v1/artifacts/sync", headers });
    expect([reply.statusCode, reply.json()]).toEqual([
      200,
      { generation: "g3", changed: true, fetched: [], durationMs: 1 },
    ]);
  });

  test("a synchronisation that failed is a 502 with the reason", async () => {
    const app = site.app({
      sync: () => Promise.reject(new SyncError("origin: connection refused")),
    });
    const reply = await app.inject({ method: "POST", url: "/api/v1/artifacts/sync", headers });
    expect(reply.statusCode).toBe(502);
    expect(reply.json()).toEqual({
      error: { code: "SYNC_FAILED", message: "origin: connection refused" },
    });
  });

  test("a fault of ours is a 500", async () => {
    const app = site.app({ sync: () => Promise.reject(new InternalError("oops")) });
    const reply = await app.inject({ method: "POST", url: "/api/v1/artifacts/sync", headers });
    expect(reply.statusCode).toBe(500);
    expect(reply.json()).toEqual({ error: { code: "INTERNAL", message: "oops" } });
  });
});

describe("the generations", () => {
  const post = async (path: string, payload: object, sender: Record<string, string> = {}) => {
    const url = `/api/v1/artifacts/${path}`;
    const reply = await site.app().inject({ method: "POST", url, payload, headers: sender });
    return { status: reply.statusCode, body: reply.json<unknown>() };
  };

  test("can be pinned, and set free again", async () => {
    expect(await post("pin", { generation: "g1" })).toEqual({
      status: 200,
      body: { pinned: "g1", current: "g2" },
    });
    expect(site.pinnedBy).toBe("the API, from 127.0.0.1");
    const byCommand = { "x-eim-pxe-user": "alice" };
    expect(await post("pin", { generation: "g1" }, byCommand)).toMatchObject({ status: 200 });
    expect(site.pinnedBy).toBe("alice by eim-pxe, from 127.0.0.1");
    expect((await post("pin", { generation: null })).body).toMatchObject({ pinned: null });
    expect(await post("pin", { generation: "g9" })).toMatchObject({ status: 400 });
    expect(await post("pin", { generation: 1 })).toMatchObject({ status: 400 });
  });

  test("can be read again, and got from an import", async () => {
    expect(await post("verify", {})).toEqual({
      status: 200,
      body: { damaged: { g1: "a is missing" } },
    });
    expect((await post("adopt", { import: "x" })).body).toEqual({ generation: "adopted x" });
    expect(await post("adopt", {})).toMatchObject({ status: 400 });
  });
});
