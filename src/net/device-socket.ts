import { BindError } from "../lib/errors.ts";
import { ANY_ADDRESS, type Ip4, LIMITED_BROADCAST } from "../lib/ip4.ts";
import { howToGetKoffi } from "../lib/libc/koffi.ts";
import { dgramSockets } from "./dgram.ts";
import { readInterfacesNamed } from "./interfaces.ts";
import { type Libc, loadLibc } from "./libc.ts";
import type { PassedSocket } from "./systemd-sockets.ts";
import { formatEndpoint, type UdpEndpoint, type UdpSocket, type UdpSockets } from "./udp.ts";

export interface DeviceSocketOptions {
  /** The network device to receive and send on, e.g. `eth1`. */
  readonly device: string;
  /** Our address on it: what leaves has it as source, whatever other addresses the device has. */
  readonly address: Ip4;
  readonly port: number;
  /** What systemd passed. */
  readonly passed: readonly PassedSocket[];
  /** No other device is served: then a socket that does not distinguish devices is enough. */
  readonly onlyDevice: boolean;
  /** Other programs may use the port at the same time, if they allow it as well; by default none may. */
  readonly share?: boolean;
  /** Default: those of `dgram`. */
  readonly udp?: UdpSockets;
}

export interface DeviceSocket extends UdpSocket {
  /**
   * How the device is distinguished: by a socket passed by systemd, by a socket that we bound to the device,
   * or not at all (`shared`: it receives the broadcasts of other devices too).
   */
  readonly means: "systemd" | "device" | "shared";
}

/**
 * A socket that receives broadcasts and unicasts on one network device and answers from `address`.
 *
 * Node has neither SO_BINDTODEVICE nor IP_PKTINFO, so it takes, in this order: a socket passed by
 * systemd; sockets bound to the device through libc; and last, for a single device, plain ones.
 * Broadcasts reach only a socket on 0.0.0.0, and only a socket on `address` is sure to send from it
 * (the kernel picks the device's first address otherwise): hence a pair.
 *
 * @throws {BindError} when none of these can be had.
 */
export async function openDeviceSocket(
  options: DeviceSocketOptions,
  load: () => Promise<Libc | null> = loadLibc,
): Promise<DeviceSocket> {
  const { device, address, port, share = false, udp = dgramSockets } = options;
  const passed = choosePassed(options);
  if (passed !== null) return { ...passed, means: "systemd" };
  const libc = await load();
  const local = { address, port };
  if (libc !== null) {
    return { ...(await openBoundPair({ libc, udp }, device, local, share)), means: "device" };
  }
  if (!options.onlyDevice) throw indistinct(device, local);
  return { ...(await openPlainPair(udp, local, share)), means: "shared" };
}

/**
 * The same beside a server on this host, which hears the answers too, and never one that systemd passed: for what
 * plays a client.
 *
 * @throws {BindError} when it cannot be had.
 */
export function openSharedSocket(
  device: string,
  address: Ip4,
  port: number,
): Promise<DeviceSocket> {
  return openDeviceSocket({ device, address, port, passed: [], onlyDevice: true, share: true });
}

/**
 * A socket that receives the limited broadcasts to a port of one device and nothing else, and leaves the port
 * to a DHCP client of this host, which binds an address of its own (NetworkManager, systemd-networkd) or
 * shares the port (dhclient, udhcpc). It is not for sending.
 *
 * @throws {BindError} when it cannot be had: without koffi, or beside a program that shares the port
 *   with no other
 */
export async function openListener(
  { device, port }: Pick<DeviceSocketOptions, "device" | "port">,
  load: () => Promise<Libc | null> = loadLibc,
): Promise<UdpSocket> {
  const broadcasts = { address: LIMITED_BROADCAST, port };
  const libc = await load();
  if (libc === null) {
    throw new BindError(
      `cannot listen to UDP ${formatEndpoint(broadcasts)} on ${device} without the optional package koffi: ${howToGetKoffi}`,
    );
  }
  const descriptor = libc.bindToDevice(device, broadcasts, true);
  return adopt({ libc, udp: dgramSockets }, descriptor, broadcasts, device);
}

function indistinct(device: string, local: UdpEndpoint): BindError {
  return new BindError(
    `cannot bind UDP ${formatEndpoint(local)} on ${device}: several interfaces are served, and ` +
      `without the optional package koffi they cannot be told apart. Install it (${howToGetKoffi}), ` +
      `let systemd pass the sockets (BindToDevice=${device}), or serve one interface only`,
  );
}

/**
 * Unless the port is to be shared, the first is bound without SO_REUSEADDR, so that a server that is
 * there already is noticed; then the two share the port, and afterwards no other socket may, whatever its
 * flags are.
 */
async function openBoundPair(
  by: Means,
  device: string,
  local: UdpEndpoint,
  share: boolean,
): Promise<UdpSocket> {
  const { libc } = by;
  const ownDescriptor = libc.bindToDevice(device, local, share);
  const own = await adopt(by, ownDescriptor, local, device);
  try {
    libc.setShared(ownDescriptor, true);
    const any = { address: ANY_ADDRESS, port: own.local.port };
    const anyDescriptor = libc.bindToDevice(device, any, true);
    const both = pair(await adopt(by, anyDescriptor, any, device), own);
    libc.setShared(ownDescriptor, share);
    libc.setShared(anyDescriptor, share);
    return both;
  } catch (error) {
    await own.close();
    throw error;
  }
}

interface Means {
  readonly libc: Libc;
  readonly udp: UdpSockets;
}

async function adopt(
  { libc, udp }: Means,
  descriptor: number,
  local: UdpEndpoint,
  device: string,
): Promise<UdpSocket> {
  try {
    return await udp.adopt(descriptor, local, device);
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }
}

async function openPlainPair(
  udp: UdpSockets,
  local: UdpEndpoint,
  share: boolean,
): Promise<UdpSocket> {
  let { port } = local;
  if (!share) {
    // Sockets that share a port do not notice another server that shares it too; this one does.
    const probe = await udp.open({ address: ANY_ADDRESS, port });
    await probe.close();
    ({ port } = probe.local);
  }
  const own = await udp.openShared({ address: local.address, port });
  try {
    return pair(await udp.openShared({ address: ANY_ADDRESS, port: own.local.port }), own);
  } catch (error) {
    await own.close();
    throw error;
  }
}

/** Receives on both, since unicast goes to the socket that is bound to the address; sends from `own`. */
function pair(any: UdpSocket, own: UdpSocket): UdpSocket {
  return {
    local: own.local,
    send: (payload, to) => own.send(payload, to),
    onMessage(handler) {
      // The kernel gives a datagram to the socket that is bound to its destination, before the other one.
      any.onMessage((payload, from) => handler(payload, from, "broadcast"));
      own.onMessage((payload, from) => handler(payload, from, "unicast"));
    },
    onError(handler) {
      any.onError(handler);
      own.onError(handler);
    },
    gather() {
      any.gather?.();
      own.gather?.();
    },
    async close() {
      await Promise.all([any.close(), own.close()]);
    },
  };
}

/** The sockets of systemd that are for this device and port: by name, or any when it is the only device. */
function choosePassed(options: DeviceSocketOptions): UdpSocket | null {
  const { device, address, port, passed, onlyDevice } = options;
  if (passed.length === 0) return null;
  const there = readInterfacesNamed([device])[0];
  const index = there?.index ?? null;
  const atPort = passed.filter((one) => one.local.port === port && one.hears(index));
  const named = atPort.filter(({ name }) => name === device);
  const ours = named.length === 0 && onlyDevice ? atPort : named;
  const any = ours.find(({ local }) => local.address === ANY_ADDRESS);
  const own = ours.find(({ local }) => local.address === address);
  if (any === undefined) {
    if (own === undefined) return null;
    throw new BindError(
      `the socket ${formatEndpoint(own.local)} that systemd passed hears no broadcasts; ` +
        `write ListenDatagram=0.0.0.0:${port} with BindToDevice=${device}`,
    );
  }
  if (own !== undefined) return pair(any.lend(index), own.lend(index));
  const first = there?.addresses[0]?.address;
  if (first === address) return { ...any.lend(index), local: { address, port } };
  throw new BindError(
    `the socket ${formatEndpoint(any.local)} that systemd passed would answer from another address ` +
      `of ${device} (${first ?? "it has none"}) than ${address}; ` +
      `write ListenDatagram=${address}:${port} beside it`,
  );
}
