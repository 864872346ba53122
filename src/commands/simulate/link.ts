import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { ConfigError } from "../../lib/errors.ts";
import { type Ip4, subnetContains } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { HostAddresses } from "../../net/host-addresses.ts";
import {
  type InterfaceAddress,
  type NetworkInterface,
  readInterfaces,
} from "../../net/interfaces.ts";

/** The link on which machines are simulated. */
export interface Link {
  readonly device: NetworkInterface & { readonly index: number };
  /** Ours, in the target's network. */
  readonly own: InterfaceAddress;
}

/** @throws ConfigError when the target is in no network of this host, or not in that of the interface */
export function linkTo(target: Ip4, name: string | null): Link {
  const all = readInterfaces();
  const device = all.find((one) =>
    name === null
      ? one.addresses.some(({ subnet }) => subnetContains(subnet, target))
      : one.name === name,
  );
  if (device === undefined) {
    const there = all.map((one) => one.name).join(", ");
    throw new ConfigError([
      name === null
        ? `--target ${target} is in no network of this host, and simulated machines are machines of its link: run this on a host there`
        : `--interface ${name}: there is no such interface; there are: ${there}`,
    ]);
  }
  const own = device.addresses.find(({ subnet }) => subnetContains(subnet, target));
  if (own === undefined || device.index === null) {
    throw new ConfigError([
      `--target ${target} is not in the network of ${device.name}, so nobody there would be asked: give the ` +
        `interface an address of that network (ip address add ADDRESS/24 dev ${device.name}), or name another one`,
    ]);
  }
  return { device: { ...device, index: device.index }, own };
}

/**
 * One simulation at a time on an interface: what another one would find there are not leftovers. The name is in
 * the abstract namespace, of the network namespace, and free again when this process ends.
 */
export function lockDevice(name: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", () => {
      reject(new ConfigError([`another eim-pxe simulate runs on ${name}: wait for its end`]));
    });
    server.listen({ path: `\0eim-pxe-simulate-${name}` }, () => resolve(server));
  });
}

export function removeAll(addresses: HostAddresses | null, { device }: Link): void {
  for (const address of addresses?.list(device.index) ?? []) {
    addresses?.remove(device.index, address);
  }
}

/** The last byte of the interface's own hardware address: two generators on one link play different machines. */
export function hostByte(device: string): number {
  return Number.parseInt(macOf(device).slice(-2), 16);
}

export function macOf(device: string): Mac {
  return networkInterfaces()[device]?.[0]?.mac ?? "00:00:00:00:00:00";
}
