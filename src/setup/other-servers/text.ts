import type { OtherServerKind } from "../../api/site.ts";
import { type Config } from "../../config/schema.ts";
import { formatSubnet } from "../../lib/ip4.ts";
import {
  dnsmasq,
  iscDhcp,
  kea,
  mikrotik,
  openwrt,
  opnsense,
  technitium,
  windows,
} from "./servers.ts";
import type { BootSite, OtherServer } from "./site.ts";

/** The DHCP servers that are known, by the word on the command line. */
export const otherServers = {
  dnsmasq,
  "isc-dhcp": iscDhcp,
  kea,
  windows,
  mikrotik,
  opnsense,
  openwrt,
  technitium,
} as const satisfies Readonly<Record<OtherServerKind, OtherServer>>;

/** What to take away and what to set in a DHCP server so that this site's machines boot from here. */
export function otherServerText(name: OtherServerKind, site: BootSite): string {
  const server: OtherServer = otherServers[name];
  const { comment } = server;
  const { interface: link, address, subnet } = site;
  const head = (text: string) => `${comment} ${text}`;
  return `${[
    head(
      `${server.title}, for the machines on ${formatSubnet(subnet)}, where eim-pxe is ${address} (${link}).`,
    ),
    head(`To be pasted into ${server.where}`),
    head(modeWords[site.mode]),
    "",
    ...(site.mode === "full" ? server.stop(site) : server.remove(site)),
    ...(site.mode === "off" ? ["", ...server.set(site)] : []),
  ].join("\n")}\n`;
}

const modeWords: Readonly<Record<Config["interfaces"][number]["dhcp"]["mode"], string>> = {
  proxy:
    "eim-pxe is in mode proxy: it says itself what to boot. Nothing is to be set here, and what competes with it is to go.",
  full: "eim-pxe is in mode full: it gives out the addresses of this link, and this server must not. Bring its leases along: eim-pxe leases import FILE",
  off: "eim-pxe has DHCP off on this link: this server says what to boot.",
};
