import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import type { PxeEvent } from "../../src/events/types.ts";
import { cloudEvent } from "../../src/webhooks/cloud-event.ts";
import type { Post } from "../../src/webhooks/post.ts";
import { addedLine } from "../../src/webhooks/queue.ts";
import { signingKey } from "../../src/webhooks/signature.ts";
import { Webhook } from "../../src/webhooks/webhook.ts";
import { eventually } from "../support/eventually.ts";

let folder: string;
let events: PxeEvent[];
/** The ids of what was sent, and how each attempt is answered; what no answer is left for is answered with 200. */
let sent: string[];
let answers: (number | "hang")[];
let open: Webhook[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-webhook-"));
  [events, sent, answers, open] = [[], [], [], []];
});
afterEach(async () => {
  await Promise.all(open.map((webhook) => webhook.close()));
  rmSync(folder, { recursive: true, force: true });
});

const post: Post = (body, _headers, signal) => {
  sent.push(z.object({ id: z.string() }).parse(JSON.parse(String(body))).id);
  const status = answers.shift() ?? 200;
  if (status !== "hang") {
    return Promise.resolve({ status, location: null, retryAfterMs: null, text: "" });
  }
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")));
  });
};

const path = () => join(folder, "webhooks", "one.jsonl");

function unstarted(keepEvents = 100): Webhook {
  const webhook = new Webhook({
    name: "hooks.example",
    post,
    key: signingKey("a secret of some length"),
    path: path(),
    keepEvents,
    emit: (event) => void events.push(event),
    clock: { wall: () => 1_800_000_000_000 },
    answerTimeoutMs: 20,
    retryTimes: { firstMs: 1, longestMs: 2 },
  });
  open.push(webhook);
  return webhook;
}

async function started(keepEvents = 100): Promise<Webhook> {
  const webhook = unstarted(keepEvents);
  await webhook.start();
  return webhook;
}

function told(id: string) {
  const event = { event: "micro-os", mac: "52:54:00:00:00:01", address: null } as const;
  const origin = { hostname: "site", newId: () => id, wallMs: 1_800_000_000_000 };
  return { id, body: JSON.stringify(cloudEvent({ ...event, evidence: "beacon" }, origin)) };
}

const names = () => events.map(({ event }) => event);

describe("a webhook", () => {
  it("sends events in their order, each until it is taken, and says when it fails and when it works again", async () => {
    answers = [500, "hang", 503];
    const webhook = await started();
    for (const id of ["a", "b", "c"]) webhook.tell(told(id));
    await eventually(() => expect(webhook.counts().delivered).toBe(3));
    expect(sent).toEqual(["a", "a", "a", "a", "b", "c"]);
    expect(names()).toEqual([
      "webhook-failed",
      "webhook-failed",
      "webhook-failed",
      "webhook-restored",
    ]);
    expect(events.map((event) => ("reason" in event ? event.reason : ""))).toEqual([
      "the receiver answered 500; look at the receiver's log",
      "the receiver did not answer within 1 s; look whether it hangs",
      "the receiver answered 503; look at the receiver's log",
      "",
    ]);
    expect(webhook.counts()).toEqual({
      webhook: "hooks.example",
      waiting: 0,
      delivered: 3,
      failed: 3,
      refused: 0,
      dropped: 0,
    });
  });

  it("gives an event up that is refused for good, and goes on with the next", async () => {
    answers = [422];
    const webhook = await started();
    for (const id of ["a", "b"]) webhook.tell(told(id));
    await eventually(() => expect(webhook.counts().delivered).toBe(1));
    expect(sent).toEqual(["a", "b"]);
    expect(events).toMatchObject([{ event: "webhook-refused", id: "a" }]);
  });

  it("goes on after a restart with what was not taken, and with no more", async () => {
    answers = [200, ...Array.from({ length: 10_000 }, () => 500)];
    const first = await started();
    for (const id of ["a", "b", "c"]) first.tell(told(id));
    await eventually(() => expect(first.counts().failed).toBeGreaterThan(0));
    await first.close();
    [answers, sent] = [[], []];
    const second = await started();
    await eventually(() => expect(second.counts().delivered).toBe(2));
    expect(sent).toEqual(["b", "c"]);
    await second.close();
    await (await started()).close();
    expect(sent).toEqual(["b", "c"]);
    expect(readFileSync(path(), "utf8")).toBe("");
  });

  it("sends what it is told before and during its start behind what was left, also where a crash cut the file", async () => {
    const left = addedLine(told("a").body);
    mkdirSync(join(folder, "webhooks"));
    writeFileSync(path(), left + addedLine(told("cut").body).slice(0, 50));
    const webhook = unstarted();
    webhook.tell(told("b"));
    const starting = webhook.start();
    webhook.tell(told("c"));
    await starting;
    await eventually(() => expect(sent).toEqual(["a", "b", "c"]));
  });

  it("has on disk what it was told as soon as that is written, whatever becomes of the process", async () => {
    answers = Array.from({ length: 100_000 }, () => "hang" as const);
    const webhook = await started();
    for (let n = 0; n < 50; n += 1) webhook.tell(told(String(n)));
    await eventually(() => {
      const lines = readFileSync(path(), "utf8")
        .split("\n")
        .filter((line) => line !== "");
      expect(lines).toHaveLength(50);
    });
  });

  it("keeps no more than its bound while the receiver is away, in memory and on disk, and says what it dropped", async () => {
    answers = Array.from({ length: 100_000 }, () => 500);
    const webhook = await started(10);
    for (let n = 0; n < 20_000; n += 1) webhook.tell(told(`${n} ${"x".repeat(100)}`));
    expect(webhook.counts()).toMatchObject({ waiting: 10, dropped: 19_990 });
    await webhook.close();
    answers = [];
    const next = await started(10);
    await eventually(() => expect(next.counts().delivered).toBe(10));
    await next.close();
    // What is done with is left out where the file has grown.
    expect(readFileSync(path()).length).toBeLessThan(512 * 1024);
    const dropped = events.filter(({ event }) => event === "webhook-dropped");
    expect(dropped.length).toBeGreaterThan(0);
  });

  it("sends what it is told although the disk takes nothing, and says so once", async () => {
    writeFileSync(join(folder, "a-file"), "");
    const away = new Webhook({
      name: "hooks.example",
      post,
      key: null,
      path: join(folder, "a-file", "one.jsonl"),
      keepEvents: 10,
      emit: (event) => void events.push(event),
      clock: { wall: () => 0 },
    });
    open.push(away);
    await away.start();
    for (const id of ["a", "b"]) away.tell(told(id));
    await eventually(() => expect(away.counts().delivered).toBe(2));
    expect(names()).toEqual(["webhook-unkept"]);
  });
});
