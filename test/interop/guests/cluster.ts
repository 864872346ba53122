import { Cluster } from "../../support/cluster.ts";

/* The API server's double, for servers in namespaces: says where it is, and who wrote the Lease object. */

const cluster = new Cluster();
let last = "";
cluster.leases.written = (holder) => {
  const replica = holder.split("_")[0] ?? "";
  if (replica !== last) process.stdout.write(`${JSON.stringify({ event: "holder", replica })}\n`);
  last = replica;
};
await cluster.open(process.argv[2]);
process.stdout.write(`${JSON.stringify({ event: "open", url: cluster.url })}\n`);
