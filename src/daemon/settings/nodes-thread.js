/*
 * The thread that reads a nodes file while the server runs. JavaScript, with its types in comments, for a
 * thread of Node 20 cannot load TypeScript when the program runs from its sources.
 */
import { once } from "node:events";
import { parentPort, workerData } from "node:worker_threads";

/** @import { NodesJob, NodesMessage } from "./nodes-file.ts" */

/** The server takes these over in one turn of its event loop, and asks for more in the next. */
const ENTRIES_AT_ONCE = 200;

/** @param {NodesMessage} message */
const send = (message) => parentPort?.postMessage(message, []);

/**
 * @param {string} url
 * @returns {Promise<typeof import("./nodes-file.ts")>}
 */
async function load(url) {
  if (!url.endsWith(".ts")) return import(url);
  const { tsImport } = await import("tsx/esm/api");
  return tsImport(url, import.meta.url);
}

/** @type {NodesJob} */
const { file, format, reader } = workerData;
try {
  const { readNodes } = await load(reader);
  for (const entries of readNodes(file, format)) {
    for (let at = 0; at < entries.length; at += ENTRIES_AT_ONCE) {
      send({ entries: entries.slice(at, at + ENTRIES_AT_ONCE) });
      if (parentPort !== null) await once(parentPort, "message");
    }
  }
  send("done");
} catch (error) {
  if (error instanceof Error && "problems" in error && Array.isArray(error.problems)) {
    send({ problems: error.problems.map(String) });
  } else {
    send({ failed: error instanceof Error ? error.message : String(error) });
  }
}
