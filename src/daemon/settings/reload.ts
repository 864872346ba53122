import { Worker } from "node:worker_threads";
import type { Config } from "../../config/schema.ts";
import { ConfigError, InternalError } from "../../lib/errors.ts";
import { createInventory, type Inventory, InventoryBuilder } from "../../nodes/inventory.ts";
import { nodesFileOf, type NodesJob, type NodesMessage } from "./nodes-file.ts";

/**
 * Reads the nodes file again while the server runs: in a thread, since ten thousand entries take a second in
 * which no machine would be answered.
 *
 * @throws ConfigError when it cannot be read or is not right
 */
export async function reloadInventory(config: Config): Promise<Inventory> {
  const source = nodesFileOf(config);
  return source === null ? createInventory([]) : readInThread(source);
}

function readInThread(source: Pick<NodesJob, "file" | "format">): Promise<Inventory> {
  const isSource = import.meta.url.endsWith(".ts");
  const reader = new URL(isSource ? "./nodes-file.ts" : "./nodes-file.js", import.meta.url).href;
  const job: NodesJob = { ...source, reader };
  const worker = new Worker(new URL("./nodes-thread.js", import.meta.url), { workerData: job });
  // A server that stops does not wait for it.
  worker.unref();
  const read = new InventoryBuilder();
  return new Promise((resolve, reject) => {
    worker.on("message", (message: NodesMessage) => {
      if (message === "done") resolve(read.done());
      else if ("entries" in message) {
        read.add(message.entries);
        worker.postMessage("more", []);
      } else if ("problems" in message) reject(new ConfigError(message.problems));
      else reject(new InternalError(`the nodes file was not read: ${message.failed}`));
    });
    worker.once("error", reject);
    worker.once("exit", () => reject(new InternalError("the nodes file was not read to its end")));
  });
}

/** Does one thing at a time; however often it is asked for meanwhile, it is done once more. */
export class Repeatable {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | null = null;
  #isWanted = false;

  /** @param work never rejects */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when it has been done at least once from now on. */
  run(): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#runAll();
    return this.#running;
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#running ?? Promise.resolve();
  }

  async #runAll(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      await this.#work();
    }
    this.#running = null;
  }
}
