// @ts-nocheck: it is loaded before TypeScript is.
// node --import ./test/fuzz/register.mjs FILE.ts
import { register } from "node:module";

/*
 * Runs TypeScript with a counter in every branch of our own source, so that an input which reaches something new is
 * known at once. In each thread: `reached.total` is how many branches were reached since it began.
 */

const seen = new Uint8Array(1 << 20);
globalThis.reached = { total: 0 };
globalThis.reachBranch = (branch) => {
  if (seen[branch] === 1) return;
  seen[branch] = 1;
  globalThis.reached.total += 1;
};

register("./loader.mjs", import.meta.url);
