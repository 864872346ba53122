/**
 * Checks who uses an address. Arguments: the device, our address on it with its prefix, and the machine that asks.
 * Each line of its input is an address, followed by `left` where a host that was there may have left it; each line of its output is who uses it.
 */
import { createInterface } from "node:readline";
import { systemClock } from "../../../src/lib/clock.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import { ConflictProbe } from "../../../src/net/conflict-probe.ts";

const [device = "", own = "", mac = ""] = process.argv.slice(2);
const [address = "", prefix = ""] = own.split("/");
const link = { interface: device, address, subnet: subnetOf(address, Number(prefix)) };
const probe = new ConflictProbe(systemClock);
for await (const line of createInterface(process.stdin)) {
  const [asked = "", word] = line.split(" ");
  const use = await probe.usedBy(link, asked, mac, { mayHaveLeft: () => word === "left" });
  console.log(JSON.stringify({ use }));
}
await probe.close();
