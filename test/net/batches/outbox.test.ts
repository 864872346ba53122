import { describe, expect, test } from "vitest";
import { Outbox, type Sender } from "../../../src/net/batches/outbox.ts";

const to = { address: "192.0.2.9", port: 68 };

describe("what sockets send in one turn", () => {
  test("leaves by their own, also where one that hears of a failure sends something meanwhile", () => {
    const sent: string[] = [];
    const gathered: number[] = [];
    const outbox = new Outbox({
      put: (index, payload) => void (gathered[index] = payload[0] ?? 0),
      send(descriptor, first, end) {
        if (gathered[first] === 0) return "EPERM";
        for (const byte of gathered.slice(first, end)) sent.push(`${descriptor}: ${byte}`);
        return end - first;
      },
    });
    const sender = (descriptor: number, failed = (): void => {}): Sender => ({
      descriptor,
      postponed: () => {},
      failed,
    });
    const [second, third] = [sender(2), sender(3)];
    const first = sender(1, () => outbox.add(third, { payload: Uint8Array.of(30), to }));
    outbox.hold();
    outbox.add(first, { payload: Uint8Array.of(0), to });
    outbox.add(second, { payload: Uint8Array.of(20), to });
    outbox.release();
    expect(sent).toEqual(["3: 30", "2: 20"]);
  });
});
