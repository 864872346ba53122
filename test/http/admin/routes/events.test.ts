import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AdminApp } from "../../../../src/http/admin/app.ts";
import { listen } from "../../../../src/http/listen.ts";
import { InternalError } from "../../../../src/lib/errors.ts";
import type { PxeEvent } from "../../../../src/events/types.ts";
import { AdminSite } from "../../../support/admin-site.ts";

const event: PxeEvent = { event: "stopping", signal: "SIGTERM" };
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

async function openStream(app: AdminApp): Promise<ReadableStreamDefaultReader<string>> {
  const { port } = await listen(app, { host: "127.0.0.1", port: 0 });
  const reply = await fetch(`http://127.0.0.1:${port}/api/v1/events`);
  expect(reply.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
  const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) throw new InternalError("a reply without a body");
  expect((await reader.read()).value).toMatch(/^: /);
  return reader;
}

describe("/api/v1/events", () => {
  test("sends each event as it happens", async () => {
    const reader = await openStream(site.app());
    site.emit(event);
    expect((await reader.read()).value).toBe(`data: ${JSON.stringify(event)}\n\n`);
    await reader.cancel();
  });

  test("ends when the server closes, and stops listening", async () => {
    const app = site.app();
    const reader = await openStream(app);
    expect(site.listeners.size).toBe(1);
    await app.close();
    expect((await reader.read()).done).toBe(true);
    expect(site.listeners.size).toBe(0);
  });

  test("does not follow HEAD", async () => {
    const reply = await site.app().inject({ method: "HEAD", url: "/api/v1/events" });
    expect(reply.statusCode).toBe(404);
    expect(site.listeners.size).toBe(0);
  });
});
