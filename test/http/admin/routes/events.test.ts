import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { resetEvent } from "../../../../src/api/events.ts";
import type { AdminApp } from "../../../../src/http/admin/app.ts";
import { listen } from "../../../../src/http/listen.ts";
import { InternalError } from "../../../../src/lib/errors.ts";
import type { PxeEvent } from "../../../../src/events/types.ts";
import { AdminSite } from "../../../support/admin-site.ts";
import { anyNumber } from "../../../support/connections.ts";

const event: PxeEvent = { event: "stopping", signal: "SIGTERM" };
const numbered = (nodes: number): PxeEvent => ({ event: "reloaded", nodes });
let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

interface Message {
  readonly id: string | null;
  readonly event: string | null;
  readonly data: unknown;
}

/** A reader of server-sent events, as a browser is one. */
class EventReader {
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";
  /** As a browser would send it when the connection breaks. */
  lastId: string | null = null;

  constructor(reply: Response) {
    const reader = reply.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) throw new InternalError("a reply without a body");
    this.#reader = reader;
  }

  /** The next message with data; null when the stream ended. */
  async next(): Promise<Message | null> {
    for (;;) {
      const block = await this.#block();
      if (block === null) return null;
      const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1] ?? null;
      const [id, data] = [field("id"), field("data")];
      this.lastId = id ?? this.lastId;
      if (data !== null) return { id, event: field("event"), data: JSON.parse(data) };
    }
  }

  /** Reads what every stream begins with: a comment. */
  async begin(): Promise<this> {
    const block = await this.#block();
    if (block?.startsWith(": ") !== true) throw new InternalError(`begins with ${block}`);
    return this;
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  async #block(): Promise<string | null> {
    while (!this.#text.includes("\n\n")) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#text += value;
    }
    const end = this.#text.indexOf("\n\n");
    const block = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    this.lastId = /^id: (.*)$/m.exec(block)?.[1] ?? this.lastId;
    return block;
  }
}

async function opened(app: AdminApp): Promise<string> {
  const { port } = await listen(app, { host: "127.0.0.1", port: 0 }, anyNumber());
  return `http://127.0.0.1:${port}/api/v1/events`;
}

async function open(url: string, lastId: string | null = null): Promise<EventReader> {
  const headers = lastId === null ? {} : { "last-event-id": lastId };
  return new EventReader(await fetch(url, { headers }));
}

describe("/api/v1/events", () => {
  test("sends each event as it happens, with its name and an identifier", async () => {
    const reader = await (await open(await opened(site.app()))).begin();
    site.emit(event);
    expect(await reader.next()).toEqual({ id: "this one:1", event: "stopping", data: event });
    site.emit(numbered(7));
    expect(await reader.next()).toEqual({ id: "this one:2", event: "reloaded", data: numbered(7) });
    await reader.cancel();
  });

  test("is of the type that browsers take", async () => {
    const reply = await fetch(await opened(site.app()));
    expect(reply.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    await reply.body?.cancel();
  });

  test("sends nothing of what happened before", async () => {
    const url = await opened(site.app());
    site.emit(numbered(1));
    const reader = await (await open(url)).begin();
    site.emit(numbered(2));
    expect(await reader.next()).toMatchObject({ data: numbered(2) });
    await reader.cancel();
  });

  test("goes on where the connection broke, also when nothing had happened before", async () => {
    const url = await opened(site.app());
    const first = await (await open(url)).begin();
    await first.cancel();
    for (const n of [1, 2, 3]) site.emit(numbered(n));
    const second = await (await open(url, first.lastId)).begin();
    expect(await second.next()).toMatchObject({ data: numbered(1) });
    expect(await second.next()).toMatchObject({ data: numbered(2) });
    const [, , ...rest] = [1, 2, 3, 4];
    const third = await (await open(url, second.lastId)).begin();
    site.emit(numbered(4));
    for (const reader of [second, third]) {
      for (const n of rest) expect(await reader.next()).toMatchObject({ data: numbered(n) });
      await reader.cancel();
    }
  });

  test("loses and doubles nothing over 100 connections that break", async () => {
    const url = await opened(site.app());
    const received: unknown[] = [];
    let lastId: string | null = null;
    let sent = 0;
    for (let connection = 0; connection < 100; connection += 1) {
      const reader = await open(url, lastId);
      if (lastId === null) await reader.begin();
      // Some come while it is open, some while it is not, and what it has not read is sent again.
      for (let one = 0; one < 5; one += 1) site.emit(numbered((sent += 1)));
      const reads = connection % 5;
      for (let one = 0; one < reads; one += 1) received.push((await reader.next())?.data);
      lastId = reader.lastId ?? lastId;
      await reader.cancel();
      site.emit(numbered((sent += 1)));
    }
    const last = await open(url, lastId);
    while (received.length < sent) received.push((await last.next())?.data);
    await last.cancel();
    expect(received).toEqual(Array.from({ length: sent }, (_, one) => numbered(one + 1)));
  });

  test.each(["another run:1", "this one:99", "this one:-1", "this one", "nonsense", "1"])(
    "sends one reset to a reader whose place, %s, is not known, and goes on from now",
    async (lastId) => {
      const url = await opened(site.app());
      site.emit(numbered(1));
      const reader = await open(url, lastId);
      const reset = await reader.next();
      expect(reset).toMatchObject({ id: "this one:1", event: "reset" });
      expect(resetEvent.parse(reset?.data)).toStrictEqual(reset?.data);
      site.emit(numbered(2));
      expect(await reader.next()).toMatchObject({ data: numbered(2) });
      await reader.cancel();
    },
  );

  test("remembers no more than some thousand events", async () => {
    const url = await opened(site.app());
    const reader = await (await open(url)).begin();
    site.emit(numbered(0));
    await reader.next();
    await reader.cancel();
    for (let n = 1; n <= 1000; n++) site.emit(numbered(n));
    const soon = await (await open(url, reader.lastId)).begin();
    expect(await soon.next()).toMatchObject({ data: numbered(1) });
    await soon.cancel();
    for (let n = 1001; n <= 10_000; n++) site.emit(numbered(n));
    const late = await open(url, reader.lastId);
    expect(await late.next()).toMatchObject({ event: "reset" });
    await late.cancel();
  });

  test("field fault 53: makes JSON of an event once for all streams, and none where nobody reads", async () => {
    const url = await opened(site.app());
    let made = 0;
    const counted: PxeEvent = {
      event: "stopping",
      get signal() {
        made += 1;
        return "SIGTERM";
      },
    };
    site.emit(counted);
    const readers = await Promise.all(
      Array.from({ length: 32 }, async () => (await open(url)).begin()),
    );
    expect(made).toBe(0);
    for (let n = 0; n < 300; n++) site.emit(counted);
    for (const reader of readers) {
      for (let n = 0; n < 300; n++)
        expect(await reader.next()).toMatchObject({ event: "stopping" });
    }
    expect(made).toBe(300);
    expect((await fetch(url)).status).toBe(503);
    await Promise.all(readers.map((reader) => reader.cancel()));
  });

  test("ends with the last events when the server closes, and stops listening", async () => {
    const app = site.app();
    const reader = await (await open(await opened(app))).begin();
    expect(site.listeners.size).toBe(1);
    site.emit(event);
    await app.close();
    expect(await reader.next()).toMatchObject({ data: event });
    expect(await reader.next()).toBeNull();
    expect(site.listeners.size).toBe(0);
  });

  test("does not follow HEAD", async () => {
    const reply = await site.app().inject({ method: "HEAD", url: "/api/v1/events" });
    expect(reply.statusCode).toBe(405);
  });
});
