import { ConfigError } from "../../lib/errors.ts";
import { formatSubnet, type Ip4 } from "../../lib/ip4.ts";
import { type NetworkInterface, usability } from "../../net/interfaces.ts";
import type { ServedLink, WantedLink } from "./link-plan.ts";

/** A link as it is served now, and the kernel's number for its device. */
export interface CurrentLink {
  readonly link: ServedLink;
  readonly index: number | null;
}

/** What has to happen to a link. `reason` is for people. */
export type LinkChange =
  /** It is not served and can be. */
  | { readonly kind: "open"; readonly to: CurrentLink }
  /** It is served as it no longer is; `reason` null: nothing is wrong, another replica leads. */
  | { readonly kind: "move"; readonly to: CurrentLink; readonly reason: string | null }
  /** It is served and cannot be any more. */
  | { readonly kind: "close"; readonly reason: string }
  /** It is not served and cannot be. */
  | { readonly kind: "wait"; readonly reason: string };

/**
 * What has to happen to a link so that it is served as the host's interfaces are now; null: nothing.
 *
 * @param current how it is served, or null when it is not
 */
export function linkChange(
  wanted: WantedLink,
  current: CurrentLink | null,
  interfaces: readonly NetworkInterface[],
): LinkChange | null {
  const there = interfaces.find(({ name }) => name === wanted.interface);
  if (current !== null && there !== undefined && isUnplugged(there, current)) return null;
  const cannot = (reason: string): LinkChange => ({
    kind: current === null ? "wait" : "close",
    reason,
  });
  const judged = usability(interfaces, wanted.interface, addressFor(wanted, current, there));
  if (judged.kind === "unusable") return cannot(judged.reason);
  let link: ServedLink;
  try {
    link = wanted.servedAs(judged.found);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return cannot(error.problems.join("; "));
  }
  const to: CurrentLink = { link, index: there?.index ?? null };
  if (current === null) return { kind: "open", to };
  if ((current.link.dhcp === null) !== (link.dhcp === null)) {
    return { kind: "move", to, reason: null };
  }
  const reason = difference(current, to);
  return reason === null ? null : { kind: "move", to, reason };
}

/**
 * The cable is out, or the machine at its other end restarts: the address is still there, although Node
 * does not list it, and the sockets receive again as soon as there is a carrier.
 */
function isUnplugged(there: NetworkInterface, current: CurrentLink): boolean {
  return (
    there.up && !there.carrier && there.addresses.length === 0 && there.index === current.index
  );
}

/** An address that is served stays the one, although another may be the interface's first by now. */
function addressFor(
  wanted: WantedLink,
  current: CurrentLink | null,
  there: NetworkInterface | undefined,
): Ip4 | null {
  const own = current?.link.address;
  const isThere = there?.addresses.some(({ address }) => address === own) === true;
  return wanted.address ?? (own !== undefined && isThere ? own : null);
}

function difference(from: CurrentLink, to: CurrentLink): string | null {
  if (from.link.address !== to.link.address) return `its address is now ${to.link.address}`;
  const [former, present] = [from.link.dhcp, to.link.dhcp];
  // TFTP and HTTP are bound to the address alone.
  if (former === null || present === null) return null;
  // A socket that was bound to the former device receives nothing of the new one.
  if (from.index !== to.index) return "the device was removed and made anew";
  const subnet = formatSubnet(present.subnet);
  return formatSubnet(former.subnet) === subnet ? null : `its network is now ${subnet}`;
}
