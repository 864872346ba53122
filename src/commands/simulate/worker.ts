import { createInterface } from "node:readline";
import { BindError, InternalError } from "../../lib/errors.ts";
import { ANY_ADDRESS } from "../../lib/ip4.ts";
import { openHostAddresses } from "../../net/host-addresses.ts";
import { loadKernelSockets } from "../../net/kernel-sockets.ts";
import { LoadLoop } from "../../net/load-loop.ts";
import { CLIENT_PORT } from "../../dhcp/message/destination.ts";
import { simulateBoot, type SimulatedBoot } from "../../pxe-client/simulation/boot.ts";
import { DhcpPort } from "../../pxe-client/simulation/dhcp-port.ts";
import type { DeviceAddresses, MachineWire } from "../../pxe-client/simulation/machine-wire.ts";
import {
  powerOnMs,
  simulatedMachines,
  type SimulatedStage,
} from "../../pxe-client/simulation/plan.ts";
import { type Job, type Order, order, type Told } from "../../pxe-client/simulation/protocol.ts";
import { ExitCode, type Program } from "../shared/context.ts";

const progressMs = 200;
/** Leases are given back in such portions, one for each turn of the loop. */
const releasesAtOnce = 50;

/**
 * A worker of `eim-pxe simulate`, which starts it: plays some of the machines. When the other end of its
 * standard input is gone, it takes its addresses away and ends.
 */
export async function simulateWorker(program: Program): Promise<number> {
  // Ctrl-C goes to every process of the terminal; who started this one says when to stop.
  for (const signal of ["SIGINT", "SIGTERM"] as const) program.onSignal(signal, () => {});
  const tell = (line: Told): void => void program.out.write(`${JSON.stringify(line)}\n`);
  const orders = createInterface({ input: program.in });
  const waiting: ((next: Order | null) => void)[] = [];
  const heard: (Order | null)[] = [];
  let stopped = false;
  const hear = (next: Order | null): void => {
    if (next === null || next.kind === "stop") stopped = true;
    const resolve = waiting.shift();
    if (resolve === undefined) heard.push(next);
    else resolve(next);
  };
  orders.on("line", (line) => hear(order.parse(JSON.parse(line))));
  orders.on("close", () => hear(null));
  const next = async (): Promise<Order | null> => {
    const first = heard.shift();
    return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : first;
  };

  const job = await next();
  if (job?.kind !== "job") return ExitCode.fault;
  let wire: MachineWire;
  try {
    wire = await openWire(job);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    tell({ kind: "unable", reason: error.message });
    return ExitCode.fault;
  }
  tell({ kind: "ready" });
  const start = await next();
  if (start?.kind === "start") {
    await play(job, wire, start.epochMs - performance.timeOrigin, tell, () => stopped);
  } else removeAddresses(wire.addresses);
  tell({ kind: "end", turns: wire.loop.turnTimes });
  orders.close();
  return ExitCode.ok;
}

/** @throws BindError when port 68 of the device cannot be had */
async function openWire({ plan, device }: Job): Promise<MachineWire> {
  const sockets = await loadKernelSockets();
  const kernel = plan.ownAddresses ? await openHostAddresses() : null;
  if (sockets === null) throw new InternalError("a worker was started without koffi");
  const loop = new LoadLoop(sockets);
  let dhcp: DhcpPort | null = null;
  if (plan.addressServer !== null) {
    const port = sockets.udp({ address: ANY_ADDRESS, port: CLIENT_PORT }, device.name);
    if (typeof port === "string") {
      throw new BindError(`UDP ${CLIENT_PORT} of ${device.name} cannot be had: ${port}`);
    }
    dhcp = new DhcpPort(loop, port);
  }
  const addresses = kernel === null ? null : { kernel, device, taken: new Map() };
  return { loop, dhcp, addresses, plan };
}

async function play(
  job: Job,
  wire: MachineWire,
  originMs: number,
  tell: (line: Told) => void,
  isStopped: () => boolean,
): Promise<void> {
  const { loop } = wire;
  const stages: Partial<Record<SimulatedStage, number>> = {};
  let bytes = 0;
  const own = simulatedMachines(job.nodes, job.host, job.plan.firmware).filter(
    ({ index }) => index % job.workers === job.own,
  );
  const boots: SimulatedBoot[] = [];
  const boot = async (machine: (typeof own)[number]): Promise<void> => {
    const onMs = originMs + powerOnMs(machine.index, job.nodes, job.rampSeconds);
    await loop.sleep(onMs - performance.now());
    let present: SimulatedStage | null = null;
    const played = await simulateBoot(machine, wire, originMs, (stage) => {
      if (present !== null) stages[present] = (stages[present] ?? 1) - 1;
      if (stage !== null) stages[stage] = (stages[stage] ?? 0) + 1;
      present = stage;
    });
    boots.push(played);
    bytes += played.outcome.bytes;
    tell({ kind: "outcome", ...played.outcome });
  };
  const all = Promise.all(own.map(boot));
  let failed: unknown = null;
  all.catch((error: unknown) => {
    failed = error;
  });
  let toldAtMs = 0;
  await loop.run(() => {
    const nowMs = performance.now();
    if (nowMs - toldAtMs > progressMs) {
      toldAtMs = nowMs;
      tell({ kind: "progress", stages, bytes });
    }
    return isStopped() || failed !== null;
  });
  removeAddresses(wire.addresses);
  if (failed !== null) throw failed;
  await release(wire, boots);
}

function removeAddresses(addresses: DeviceAddresses | null): void {
  if (addresses === null) return;
  for (const address of addresses.taken.keys())
    addresses.kernel.remove(addresses.device.index, address);
  addresses.taken.clear();
}

async function release({ loop }: MachineWire, boots: readonly SimulatedBoot[]): Promise<void> {
  for (let at = 0; at < boots.length; at += releasesAtOnce) {
    for (const boot of boots.slice(at, at + releasesAtOnce)) boot.release();
    let turns = 0;
    await loop.run(() => (turns += 1) > 1);
  }
}
