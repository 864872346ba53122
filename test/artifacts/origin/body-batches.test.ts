import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, it } from "vitest";
import { batchesOf } from "../../../src/artifacts/origin/body-batches.ts";

it("is given up when it stalls after it was held up for longer than a stall may last", async () => {
  const socket = new Socket();
  const body = new IncomingMessage(socket);
  // As Node's client does it.
  socket.on("timeout", () => body.emit("timeout"));
  const batches = batchesOf(body, 50, () => new Error("stalled"));
  const first = batches.next();
  body.push(new Uint8Array(1024 * 1024));
  expect((await first).done).toBe(false);
  body.push(new Uint8Array(4 * 1024 * 1024));
  await once(body, "timeout");
  expect(body.destroyed).toBe(false);
  expect((await batches.next()).done).toBe(false);
  await expect(batches.next()).rejects.toThrow("stalled");
});

it("has what came before a break, even if nobody asked for it by then", async () => {
  const body = new IncomingMessage(new Socket());
  const batches = batchesOf(body, 1000, () => new Error("stalled"));
  body.push(new Uint8Array(1000));
  await once(body, "data");
  body.destroy(new Error("reset"));
  await new Promise<void>((resolve) => body.once("close", resolve));
  const { value } = await batches.next();
  expect(value?.map((chunk: Uint8Array) => chunk.length)).toEqual([1000]);
  await expect(batches.next()).rejects.toThrow("reset");
});
