/*
 * The thread that writes and hashes a long file beside the one that decrypts it. JavaScript, with its types
 * in comments, for a thread of Node 20 cannot load TypeScript when the program runs from its sources.
 */
import { createHash } from "node:crypto";
import { readSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

/** @import { HashJob, HashOrder, HashReply } from "./hash-messages.ts" */

const READ_BYTES = 1024 * 1024;

/** @type {HashJob} */
const { fd, offset, buffers } = workerData;
const hash = createHash("sha256");
let position = 0;

const former = Buffer.alloc(READ_BYTES);
while (position < offset) {
  const bytes = readSync(fd, former, 0, Math.min(former.length, offset - position), position);
  if (bytes === 0) break;
  hash.update(former.subarray(0, bytes));
  position += bytes;
}

/**
 * @param {HashOrder} order
 * @returns {HashReply}
 */
function perform(order) {
  if (order === "finish") return { sha256: hash.digest("hex") };
  const buffer = buffers[order.slot];
  if (buffer === undefined) return { code: "EINVAL", message: `there is no buffer ${order.slot}` };
  const chunk = new Uint8Array(buffer, 0, order.length);
  hash.update(chunk);
  for (let at = 0; at < chunk.length;) {
    const bytes = writeSync(fd, chunk, at, chunk.length - at, position);
    at += bytes;
    position += bytes;
  }
  return { slot: order.slot };
}

/**
 * @param {HashOrder} order
 * @returns {HashReply}
 */
function answer(order) {
  try {
    return perform(order);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "EIO";
    return { code, message: String(error) };
  }
}

parentPort?.on("message", (/** @type {HashOrder} */ order) => {
  parentPort?.postMessage(answer(order), []);
});
