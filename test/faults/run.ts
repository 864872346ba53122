import { spawnSync } from "node:child_process";
import { faultRows } from "./rows.ts";

/* npm run test:faults: the tests of the fault table, and what is given to the command goes on to vitest. */

const files = [...new Set(faultRows.map(({ test: [file] }) => file))];
const { status } = spawnSync("npx", ["vitest", "run", ...files, ...process.argv.slice(2)], {
  stdio: "inherit",
});
process.exitCode = status ?? 1;
