import type { DhcpPacket } from "../../dhcp/wire/packet.ts";
import { type Ip4, parseIp4, subnetContains } from "../../lib/ip4.ts";
import { printable } from "../../lib/bytes.ts";
import type { Mac } from "../../lib/mac.ts";
import type { HostAddresses } from "../../net/host-addresses.ts";
import type { LoadLoop } from "../../net/load-loop.ts";
import type { BootSource } from "../wire/boot-source.ts";
import { BootFailure } from "../wire/failure.ts";
import { type Offer, readOffer } from "../wire/offers.ts";
import type { DhcpPort } from "./dhcp-port.ts";
import { type HttpReply, requestByHttp } from "./http-client.ts";
import type { SimulationPlan } from "./plan.ts";
import { askBootServer, downloadByTftp } from "./tftp-client.ts";

/** What a machine counts. */
export interface Counters {
  answered(ms: number): void;
  repeated(): void;
  downloaded(bytes: number): void;
}

/** The addresses that machines of this process have on the device. */
export interface DeviceAddresses {
  readonly kernel: HostAddresses;
  readonly device: { readonly index: number; readonly mac: Mac };
  /** By address, whose it is. */
  readonly taken: Map<Ip4, number>;
}

/** How the machines of a process reach the network. */
export interface MachineWire {
  readonly loop: LoadLoop;
  /** Null where nobody is asked for an address. */
  readonly dhcp: DhcpPort | null;
  readonly addresses: DeviceAddresses | null;
  readonly plan: SimulationPlan;
}

const redirections = 5;
/** iPXE waits for a server that asks it to (HTTP 503 with Retry-After); so often, and no longer. */
const busyTries = 20;
const longestRetryAfterSeconds = 60;

/**
 * Gives the device an address that was leased.
 *
 * @throws BootFailure when the kernel does not take it
 */
export function takeAddress(
  { addresses, loop, plan }: MachineWire,
  address: Ip4,
  machine: number,
): void {
  if (addresses === null) return;
  const { kernel, device, taken } = addresses;
  const owner = taken.get(address);
  // The lease is the same in each stage of a boot.
  if (owner === machine) return;
  const result = owner === undefined ? kernel.add(device.index, address) : "EEXIST";
  if (result === 0) {
    taken.set(address, machine);
    loop.sockets.announce(device, address, plan.target);
    return;
  }
  const why = result === "EEXIST" ? "another machine or this host has it" : result;
  throw new BootFailure(`the leased address ${address} cannot be used here: ${why}`);
}

export async function fetchFile(
  wire: MachineWire,
  own: Ip4,
  source: BootSource,
  counters: Counters,
  how: { readonly keep: boolean; readonly asFirmware: boolean },
): Promise<string> {
  if (source.kind === "http") {
    // EDK2 asks for the size before it downloads.
    if (how.asFirmware) await fetchByHttp(wire, own, source.url, counters, "HEAD", false);
    const { received, text } = await fetchByHttp(wire, own, source.url, counters, "GET", how.keep);
    counters.downloaded(received);
    return text;
  }
  requireNear(wire.plan, source.server, `tftp://${source.server}/${source.file}`);
  const { firmware } = wire.plan;
  const bytes = await downloadByTftp(wire.loop, own, source.server, source.file, {
    // iPXE's ROM, and EDK2 with its window of four blocks.
    asked:
      firmware === "bios" ? { blksize: 1432, windowsize: 1 } : { blksize: 1468, windowsize: 4 },
    sizeFirst: firmware === "uefi",
    repeated: () => counters.repeated(),
  });
  counters.downloaded(bytes);
  return "";
}

/** A boot server's answer on port 4011, or null. */
export async function askPort4011(
  { loop }: MachineWire,
  own: Ip4,
  server: Ip4,
  request: DhcpPacket,
  counters: Counters,
): Promise<Offer | null> {
  const packet = await askBootServer(loop, own, server, request, counters);
  return packet === null ? null : readOffer(packet, server);
}

async function fetchByHttp(
  wire: MachineWire,
  own: Ip4,
  url: string,
  counters: Counters,
  method: "GET" | "HEAD",
  keep: boolean,
): Promise<HttpReply> {
  let location = url;
  let busy = 0;
  for (let hops = 0; hops <= redirections;) {
    const request = { ...near(wire.plan, location), method, keep };
    const reply = await requestByHttp(wire.loop, own, request);
    if (reply.status === 200) return reply;
    if (reply.status === 503 && reply.retryAfterSeconds !== null && busy < busyTries) {
      busy += 1;
      counters.repeated();
      await wire.loop.sleep(1000 * Math.min(longestRetryAfterSeconds, reply.retryAfterSeconds));
    } else if (reply.status >= 301 && reply.status <= 308 && reply.location !== null) {
      hops += 1;
      if (!URL.canParse(reply.location, location)) break;
      location = new URL(reply.location, location).href;
    } else {
      const said = printable(reply.text.trim(), 200);
      throw new BootFailure(`HTTP ${location}: status ${reply.status} ${said}`.trimEnd());
    }
  }
  throw new BootFailure(`HTTP ${url}: it is redirected and redirected`);
}

/** Where a URL leads to. */
function near(plan: SimulationPlan, text: string) {
  if (!URL.canParse(text)) throw new BootFailure(`${printable(text, 200)} is no URL`);
  const url = new URL(text);
  if (url.protocol !== "http:") {
    throw new BootFailure(`${printable(text, 200)}: only http:// is simulated`);
  }
  requireNear(plan, url.hostname, text);
  return {
    address: url.hostname,
    port: url.port === "" ? 80 : Number(url.port),
    host: url.host,
    path: `${url.pathname}${url.search}`,
  };
}

/** @throws BootFailure for a server that nobody pointed at */
function requireNear({ target, network }: SimulationPlan, server: string, what: string): void {
  const address = parseIp4(server);
  if (address === target || (address !== null && subnetContains(network, address))) return;
  throw new BootFailure(
    `${printable(what, 200)} is not in the target's network: simulate loads no server that it was not pointed to`,
  );
}
