import { openHostAddresses } from "../../../src/net/host-addresses.ts";
import { loadKernelSockets } from "../../../src/net/kernel-sockets.ts";
import { LoadLoop } from "../../../src/net/load-loop.ts";
import { CLIENT_PORT } from "../../../src/dhcp/message/destination.ts";
import { ANY_ADDRESS, LIMITED_BROADCAST, parseSubnet } from "../../../src/lib/ip4.ts";
import { simulateBoot } from "../../../src/pxe-client/simulation/boot.ts";
import { DhcpPort } from "../../../src/pxe-client/simulation/dhcp-port.ts";
import {
  anyServer,
  powerOnMs,
  simulatedMachines,
  type SimulationPlan,
} from "../../../src/pxe-client/simulation/plan.ts";
import { hostByte, macOf } from "../../../src/commands/simulate/link.ts";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";

/*
 * Machines that boot from whoever answers, and start over when a boot fails, as firmware does whose first boot device
 * is the network. Says of each try of each machine how it ended; ends when every machine is up.
 *
 * Arguments: machines, seconds of the ramp, tries of each machine.
 */

const device = "eth0";
const [nodes = 0, rampSeconds = 0, mostTries = 0] = process.argv.slice(2).map(Number);
const sockets = await loadKernelSockets();
const kernel = await openHostAddresses();
const own = networkInterfaces()[device]?.find(({ family }) => family === "IPv4");
const network = parseSubnet("10.77.0.0/16");
if (sockets === null || kernel === null || own === undefined || network === null) {
  throw new Error("koffi and an address on eth0 are needed");
}
const port = sockets.udp({ address: ANY_ADDRESS, port: CLIENT_PORT }, device);
if (typeof port === "string") throw new Error(port);
const loop = new LoadLoop(sockets);
const index = Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8"));
const plan: SimulationPlan = {
  target: own.address,
  bootServer: own.address,
  addressServer: anyServer,
  discoverTo: LIMITED_BROADCAST,
  ownAddress: own.address,
  network,
  firmware: "uefi",
  ownAddresses: true,
};
const wire = {
  loop,
  dhcp: new DhcpPort(loop, port),
  addresses: { kernel, device: { index, mac: macOf(device) }, taken: new Map<string, number>() },
  plan,
};
const tell = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const startMs = performance.now();

async function machine(one: ReturnType<typeof simulatedMachines>[number]): Promise<void> {
  await loop.sleep(powerOnMs(one.index, nodes, rampSeconds));
  for (let tries = 1; tries <= mostTries; tries++) {
    const { outcome } = await simulateBoot(one, wire, startMs, (stage) => {
      if (stage === "initramfs") tell({ event: "downloads", machine: one.index });
    });
    const { failure } = outcome;
    tell({ event: failure === null ? "up" : "again", machine: one.index, tries, failure });
    if (failure === null) return;
    // A machine that starts anew is in its firmware for a while.
    await loop.sleep(2000);
  }
}

const all = Promise.all(simulatedMachines(nodes, hostByte(device), "uefi").map(machine));
all.catch((error: unknown) => tell({ event: "broken", error: String(error) }));
await loop.run(() => false);
tell({ event: "end" });
process.exit(0);
