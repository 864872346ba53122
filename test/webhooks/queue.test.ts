import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CloudEvent } from "../../src/webhooks/cloud-event.ts";
import { addedLine, doneLine, type QueuedEvent, WebhookQueue } from "../../src/webhooks/queue.ts";

function eventOf(id: string): CloudEvent {
  return {
    specversion: "1.0",
    id,
    source: "/eim-pxe/site",
    type: "eim-pxe.micro-os",
    time: "2026-11-30T07:00:00.000Z",
    datacontenttype: "application/json",
    data: { event: "micro-os" },
  };
}

function queued(id: string): QueuedEvent {
  return { id, body: JSON.stringify(eventOf(id)) };
}

function idsOf(queue: WebhookQueue): string[] {
  const ids: string[] = [];
  for (let next = queue.first(); next !== null; next = queue.first()) {
    ids.push(next.id);
    queue.remove(next.id);
  }
  return ids;
}

describe("the queue of a webhook", () => {
  it("gives the oldest first", () => {
    const queue = new WebhookQueue(10);
    for (const id of ["a", "b", "c"]) queue.add(queued(id));
    queue.remove("b");
    expect(idsOf(queue)).toEqual(["a", "c"]);
  });

  it("never holds more than it may, and tells which of the oldest had to go", () => {
    const queue = new WebhookQueue(10);
    const dropped = Array.from({ length: 1000 }, (_, n) => queue.add(queued(String(n))));
    expect(dropped.flat()).toEqual(Array.from({ length: 990 }, (_, n) => String(n)));
    expect(queue.size).toBe(10);
    const { characters } = queue;
    expect(characters).toBe(queue.lines().length - 10 * addedLine("").length);
    expect(idsOf(queue)).toEqual(Array.from({ length: 10 }, (_, n) => String(990 + n)));
    expect(queue.characters).toBe(0);
  });

  it("is the same again after its file was cut at any byte, but for what was not written", () => {
    const operations = fc.array(
      fc.record({ id: fc.constantFrom("a", "b", "c", "d", "e"), done: fc.boolean() }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(operations, fc.nat(), (list, cutAt) => {
        const lines = list.map(({ id, done }) =>
          done ? doneLine(id) : addedLine(JSON.stringify(eventOf(id))),
        );
        const text = lines.join("");
        const cut = text.length === 0 ? 0 : cutAt % (text.length + 1);
        let [whole, end] = [0, 0];
        while (whole < lines.length && end + (lines[whole]?.length ?? 0) - 1 <= cut) {
          end += lines[whole]?.length ?? 0;
          whole += 1;
        }
        const expected = new WebhookQueue(10);
        for (const { id, done } of list.slice(0, whole)) {
          if (done) expected.remove(id);
          else expected.add(queued(id));
        }
        const restored = new WebhookQueue(10);
        const { damaged } = restored.restore(text.slice(0, cut));
        expect(damaged).toBeLessThanOrEqual(1);
        expect(restored.lines()).toBe(expected.lines());
      }),
    );
  });

  it("leaves damaged lines out and counts them", () => {
    const queue = new WebhookQueue(10);
    const text = `${addedLine(JSON.stringify(eventOf("a")))}{"event":{}}\nnonsense\n\0\0\0`;
    expect(queue.restore(text)).toEqual({ damaged: 3, dropped: 0 });
    expect(idsOf(queue)).toEqual(["a"]);
  });

  it("takes up no more than it may now", () => {
    const many = new WebhookQueue(100);
    for (let n = 0; n < 50; n += 1) many.add(queued(String(n)));
    const fewer = new WebhookQueue(10);
    expect(fewer.restore(many.lines())).toEqual({ damaged: 0, dropped: 40 });
    expect(fewer.first()?.id).toBe("40");
  });
});
