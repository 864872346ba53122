import { once } from "node:events";
import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, it } from "vitest";
import { batchesOf } from "../../../src/artifacts/origin/body-batches.ts";

const patience = (stallMs: number, least = { bytes: 0, inMs: 60_000 }) => ({
  stallMs,
  least,
  error: (why: string) => new Error(why),
});

it("is given up when it stalls after it was held up for longer than a stall may last", async () => {
  const socket = new Socket();
  const body = new IncomingMessage(socket);
  // As Node's client does it.
  socket.on("timeout", () => body.emit("timeout"));
  const batches = batchesOf(body, patience(50));
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
  const batches = batchesOf(body, patience(1000));
  body.push(new Uint8Array(1000));
  await once(body, "data");
  body.destroy(new Error("reset"));
  await new Promise<void>((resolve) => body.once("close", resolve));
  const { value } = await batches.next();
  expect(value?.map((chunk: Uint8Array) => chunk.length)).toEqual([1000]);
  await expect(batches.next()).rejects.toThrow("reset");
});

it("field fault 50: is given up when it only trickles", async () => {
  const body = new IncomingMessage(new Socket());
  const batches = batchesOf(body, patience(60_000, { bytes: 100, inMs: 50 }));
  body.push(new Uint8Array(1));
  const trickle = setInterval(() => body.push(new Uint8Array(1)), 10);
  const { value } = await batches.next();
  expect(value?.length).toBeGreaterThan(0);
  await expect(batches.next()).rejects.toThrow("too-slow");
  clearInterval(trickle);
});

it("is not given up for being slow while its batches are worked on", async () => {
  const body = new IncomingMessage(new Socket());
  const batches = batchesOf(body, patience(60_000, { bytes: 1_000_000, inMs: 20 }));
  body.push(new Uint8Array(512 * 1024));
  expect((await batches.next()).done).toBe(false);
  // A limit to the rate, say, which takes far longer than the line may.
  await new Promise((resolve) => setTimeout(resolve, 100));
  body.push(null);
  expect((await batches.next()).done).toBe(true);
});
