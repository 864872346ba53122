import { ConfigError } from "../lib/errors.ts";
import type { InterfaceKind } from "./interface-kind.ts";
import { listing, type NetworkInterface } from "./interfaces.ts";

/**
 * The name of the interface to serve when the configuration names none: the only card that is up with an address
 * and can carry broadcasts, or the only VLAN, bond or bridge on one. Where none has an address yet, and there is
 * only one, it is that: its address may come late, and what containers and virtual machines bring is never taken in
 * its place. A host without cards (a container) has other interfaces of its own.
 *
 * @throws {ConfigError} that lists the interfaces when the choice is not clear.
 */
export function chooseInterface(all: readonly NetworkInterface[]): string {
  const possible = all.filter((one) => !one.loopback && one.broadcast);
  const of = (kind: InterfaceKind) => possible.filter((one) => one.kind === kind);
  const [cards, onCards, virtual] = [of("card"), of("on-card"), of("virtual")];
  const usable = [cards, onCards].map(ready).find((group) => group.length > 0);
  if (usable !== undefined) return onlyReady(usable);
  const awaited = [cards, onCards].find((group) => group.length > 0);
  if (awaited !== undefined) return onlyAwaited(awaited, all);
  if (ready(virtual).length > 0) return onlyReady(ready(virtual));
  if (virtual.length > 0) return onlyAwaited(virtual, all);
  const rest =
    of("container").length > 0
      ? "; what belongs to containers or virtual machines is served only by name"
      : "";
  throw new ConfigError([
    `no network interface can be served (this host has ${listing(all)})${rest}; give a network card an address, ` +
      "or name the one to serve under interfaces",
  ]);
}

/** Those that are up with an address. */
function ready(interfaces: readonly NetworkInterface[]): readonly NetworkInterface[] {
  return interfaces.filter((one) => one.up && one.addresses.length > 0);
}

function onlyReady(usable: readonly NetworkInterface[]): string {
  const [{ name } = { name: "" }, ...others] = usable;
  if (others.length === 0) return name;
  throw new ConfigError([
    `several network interfaces could be served (${listing(usable)}); ` +
      `name the one that machines boot from: interfaces: [{ name: ${name} }]`,
  ]);
}

function onlyAwaited(
  awaited: readonly NetworkInterface[],
  all: readonly NetworkInterface[],
): string {
  const [{ name } = { name: "" }, ...others] = awaited;
  if (others.length === 0) return name;
  throw new ConfigError([
    `no network interface can be served: none is up with an IPv4 address (this host has ${listing(all)}); ` +
      `give one an address, or name the one to wait for: interfaces: [{ name: ${name} }]`,
  ]);
}
