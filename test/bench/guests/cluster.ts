/** An API server with so many Hardware objects (first argument), in a process of its own; prints its URL. */
import { Cluster } from "../../support/cluster.ts";
import { hardwareSpec } from "../inventory-files.ts";

const cluster = new Cluster();
await cluster.open();
for (let n = 0; n < Number(process.argv[2]); n += 1) cluster.put(`machine-${n}`, hardwareSpec(n));
process.stdout.write(`${cluster.url}\n`);
