import { availableParallelism } from "node:os";
import { BindError, ConfigError, InternalError } from "../../lib/errors.ts";
import { type Finding, inFourLines, inOneSentence } from "../../lib/finding.ts";
import { LIMITED_BROADCAST, parseIp4 } from "../../lib/ip4.ts";
import { howToGetKoffi } from "../../lib/libc/koffi.ts";
import { syntheticUuid } from "../../boot/synthetic-uuid.ts";
import { CLIENT_PORT } from "../../dhcp/message/destination.ts";
import { openSharedSocket } from "../../net/device-socket.ts";
import { type HostAddresses, openHostAddresses } from "../../net/host-addresses.ts";
import { isOwnAddress } from "../../net/interfaces.ts";
import { loadKernelSockets } from "../../net/kernel-sockets.ts";
import {
  simulatedMachines,
  type SimulatedFirmware,
  type SimulationPlan,
} from "../../pxe-client/simulation/plan.ts";
import {
  type Run,
  resultOf,
  type Sample,
  type SimulationResult,
} from "../../pxe-client/simulation/result.ts";
import { ExitCode, type Program } from "../shared/context.ts";
import { firstSignal } from "../shared/signals.ts";
import { cpuSecondsOf, linkSpeedOf, peakMemoryOf, receivedBytesOf, serverProcess } from "./host.ts";
import { hostByte, type Link, linkTo, lockDevice, macOf, removeAll } from "./link.ts";
import { progressLine, resultLines } from "./lines.ts";
import { scout } from "./scout.ts";
import { Workers } from "./workers.ts";

export interface SimulateOptions {
  readonly target: string;
  readonly nodes: number;
  readonly rampSeconds: number;
  readonly firmware: SimulatedFirmware;
  /** Null: the one in whose network the target is. */
  readonly interface: string | null;
  readonly serverPid: number | null;
  readonly json: boolean;
}

/** A process plays at least so many machines before another one is worth its while. */
const machinesPerWorker = 100;
const mostWorkers = 8;
const sampleMs = 500;
const drawMs = 200;

/** `eim-pxe simulate`: a boot storm by simulated machines, and how long each stage took them. */
export async function simulate(program: Program, options: SimulateOptions): Promise<number> {
  const interrupted = firstSignal(program, ["SIGINT", "SIGTERM"]);
  const target = parseIp4(options.target);
  if (target === null) {
    throw new ConfigError([
      `--target ${options.target}: must be an IPv4 address such as 192.168.77.1`,
    ]);
  }
  const link = linkTo(target, options.interface);
  if ((await loadKernelSockets()) === null) {
    throw new ConfigError([
      `simulate needs the optional package koffi, on Linux: ${howToGetKoffi}`,
    ]);
  }
  const print = (line: string): void => {
    if (!options.json) program.out.write(`${line}\n`);
  };
  const lock = await lockDevice(link.device.name);
  const addresses = await openHostAddresses();
  try {
    const left = addresses?.list(link.device.index) ?? [];
    removeAll(addresses, link);
    if (left.length > 0) {
      print(`Removed ${left.length} addresses that an earlier run left on ${link.device.name}.`);
    }
    const alone: SimulationPlan = {
      target,
      bootServer: target,
      addressServer: null,
      discoverTo: LIMITED_BROADCAST,
      ownAddress: link.own.address,
      network: link.own.subnet,
      firmware: options.firmware,
      ownAddresses: false,
    };
    const plan = await planned(options, alone, link, addresses, print);
    if ("code" in plan) {
      if (options.json)
        program.out.write(`${JSON.stringify(nothing(options, alone, link, plan))}\n`);
      else program.err.write(`${inFourLines(plan)}\n`);
      return ExitCode.notBooted;
    }
    return await storm(program, options, link, plan, interrupted, print);
  } finally {
    removeAll(addresses, link);
    addresses?.close();
    lock.close();
  }
}

/** Whom the machines ask, or why there is nothing to simulate. */
async function planned(
  { firmware, nodes }: SimulateOptions,
  alone: SimulationPlan,
  { device, own }: Link,
  addresses: HostAddresses | null,
  print: (line: string) => void,
): Promise<SimulationPlan | Finding> {
  const { target } = alone;
  // Nothing has this address: without the privilege the kernel says so before it looks.
  const mayAdd = addresses !== null && addresses.remove(device.index, "192.0.2.1") !== "EPERM";
  if (device.loopback || !mayAdd) {
    print(
      device.loopback
        ? "Loopback carries no broadcasts: machines ask nobody for an address, and share this host's."
        : "Without root: machines have no addresses of their own, and ask port 4011 in place of DHCP.",
    );
    return alone;
  }
  const socket = await openSharedSocket(device.name, own.address, CLIENT_PORT);
  // One more than are powered on: a server may remember what it was asked.
  const { mac } = simulatedMachines(nodes + 1, hostByte(device.name), firmware).at(-1) ?? {};
  if (mac === undefined) throw new InternalError("there is no machine to ask as");
  // As `probe` does: that it goes no further is no fault.
  const machine = { mac, uuid: syntheticUuid(mac), firmware };
  const found = await scout(socket, machine, target, device.name).finally(() => socket.close());
  if ("code" in found) return found;
  const { bootServer, addressServer, discoverTo, others } = found;
  print(
    addressServer === bootServer
      ? `${target} gives out addresses and says what to boot.`
      : `${target} says what to boot; addresses are ${addressServer}'s.`,
  );
  if (others.length > 0) {
    const asked = discoverTo === target ? "not asked" : "asked as well";
    print(`Other servers answer too, and are ${asked}: ${others.join(", ")}.`);
  }
  return { ...alone, bootServer, addressServer, discoverTo, ownAddresses: true };
}

async function storm(
  program: Program,
  options: SimulateOptions,
  { device }: Link,
  plan: SimulationPlan,
  interrupted: Promise<NodeJS.Signals>,
  print: (line: string) => void,
): Promise<number> {
  const { nodes, rampSeconds } = options;
  const { target } = plan;
  const workers = workersFor(nodes);
  const host = hostByte(device.name);
  const running = new Workers(program.self, {
    kind: "job",
    plan,
    device: { name: device.name, index: device.index, mac: macOf(device.name) },
    nodes,
    rampSeconds,
    host,
    workers,
  });
  const unable = await running.ready();
  if (unable !== null) {
    await running.stop(unable);
    throw new BindError(`the simulation cannot begin: ${unable}`);
  }
  const pid = options.serverPid ?? (isOwnAddress(target) ? serverProcess(target) : null);
  print(
    `Powering on ${nodes} ${plan.firmware} machines within ${rampSeconds} s against ${target} on ${device.name}.\n`,
  );
  const samples: Sample[] = [];
  const startMs = performance.now();
  const sample = (): void => {
    const generatorCpu = running.pids.reduce((sum, one) => sum + (cpuSecondsOf(one) ?? 0), 0);
    samples.push({
      atMs: performance.now() - startMs,
      generatorCpu,
      serverCpu: pid === null ? null : cpuSecondsOf(pid),
      receivedBytes: receivedBytesOf(device.name),
    });
  };
  sample();
  const sampling = setInterval(sample, sampleMs);
  const draw = (): void => {
    const line = progressLine(running.progress, nodes, (performance.now() - startMs) / 1000);
    program.out.write(`\r\u001b[K${line.slice(0, program.columns() - 1)}`);
  };
  const drawing = program.outIsTerminal && !options.json ? setInterval(draw, drawMs) : null;
  running.begin(performance.timeOrigin + startMs);
  const signal = await Promise.race([running.finished().then(() => null), interrupted]);
  clearInterval(sampling);
  sample();
  if (drawing !== null) {
    clearInterval(drawing);
    program.out.write("\r\u001b[K");
  }
  const server = pid === null ? null : { pid, peakMemoryBytes: peakMemoryOf(pid) };
  await running.stop(signal === null ? "it did not end" : "it was interrupted");
  const run: Run = {
    plan,
    interface: device.name,
    nodes,
    rampSeconds,
    outcomes: running.outcomes,
    samples,
    workers,
    turns: running.turns,
    linkSpeed: linkSpeedOf(device.name),
    server,
  };
  const result = resultOf(run);
  if (options.json) program.out.write(`${JSON.stringify(result)}\n`);
  else for (const line of resultLines(result)) print(line);
  return result.booted === nodes ? ExitCode.ok : ExitCode.notBooted;
}

/** The result where no machine was powered on. */
function nothing(
  { nodes, rampSeconds }: SimulateOptions,
  plan: SimulationPlan,
  { device }: Link,
  { cause, remedy, who }: Finding,
): SimulationResult {
  const failure = { stage: "run", reason: inOneSentence({ cause, remedy, who }) } as const;
  const outcomes = Array.from({ length: nodes }, (_, index) => {
    return { index, failure, spans: [], answersMs: [], bytes: 0, repeats: 0 };
  });
  return resultOf({
    plan,
    interface: device.name,
    nodes,
    rampSeconds,
    outcomes,
    samples: [],
    workers: 0,
    turns: [],
    linkSpeed: null,
    server: null,
  });
}

/** One core is left for the server, or for this process. */
function workersFor(nodes: number): number {
  const cores = Math.max(1, availableParallelism() - 1);
  return Math.min(cores, mostWorkers, Math.ceil(nodes / machinesPerWorker));
}
