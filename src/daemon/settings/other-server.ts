import { architectureName, architectureOf } from "../../boot/architecture.ts";
import type { Config } from "../../config/schema.ts";
import { advertisedAddress } from "../../dhcp/link.ts";
import { ConfigError } from "../../lib/errors.ts";
import { parseSubnet, subnetOf } from "../../lib/ip4.ts";
import type { NetworkInterface } from "../../net/interfaces.ts";
import type { BootLoader } from "../../setup/other-servers/site.ts";
import type { OtherServerKind } from "../../api/site.ts";
import { otherServerText } from "../../setup/other-servers/text.ts";
import { configuredLinks, tftpServerOf } from "../links/link-plan.ts";
import { policyOf } from "./boot-settings.ts";

export interface WantedText {
  readonly server: OtherServerKind;
  /** The link; null: the first that is configured. */
  readonly interface: string | null;
  /** As if the link were in this mode; null: its own. */
  readonly mode: "proxy" | "full" | "off" | null;
}

/** Machines that a site has: BIOS, UEFI by TFTP and by HTTP, x86-64 and ARM64. */
const usual = [0, 6, 7, 9, 11, 15, 16, 19];

/**
 * What another DHCP server has to lose and to say, with this site's addresses.
 *
 * @throws ConfigError when there is no such link
 */
export function textForOtherServer(
  config: Config,
  interfaces: readonly NetworkInterface[],
  wanted: WantedText,
): string {
  const links = configuredLinks(config, interfaces);
  const { interface: name } = wanted;
  const link = name === null ? links[0] : links.find((one) => one.interface === name);
  if (link === undefined) {
    const known = links.map((one) => one.interface).join(", ");
    throw new ConfigError([`--interface ${name ?? ""} is not configured; configured: ${known}`]);
  }
  const { interface: device, address } = link;
  const own = config.interfaces.find((one) => one.name === device)?.dhcp;
  const configured = own?.subnet ?? null;
  const there = interfaces
    .flatMap(({ addresses }) => addresses)
    .find((one) => one.address === address)?.subnet;
  const subnet =
    (configured === null ? null : parseSubnet(configured)) ?? there ?? subnetOf(address, 24);
  const told = advertisedAddress(link);
  const base = `http://${told}:${config.http.port}`;
  return otherServerText(wanted.server, {
    interface: device,
    address: told,
    tftpServer: tftpServerOf(config) ?? told,
    subnet,
    mode: wanted.mode ?? own?.mode ?? "proxy",
    loaders: loadersOf(config, base),
    scriptUrl: `${base}/boot.ipxe`,
    userClasses: config.boot.userClasses,
  });
}

function loadersOf(config: Config, base: string): readonly BootLoader[] {
  const { loaders, onlyNamedLoaders } = policyOf(config);
  const codes = [...new Set([...(onlyNamedLoaders ? [] : usual), ...loaders.keys()])];
  return codes
    .toSorted((a, b) => a - b)
    .flatMap((code) => {
      const row = architectureOf(code);
      const name = loaders.get(code) ?? row?.loader ?? null;
      if (name === null) return [];
      const byHttp = row?.transport === "http";
      const file = byHttp ? `${base}/loaders/${name}` : name;
      return [{ code, machine: architectureName(code), tag: `arch${code}`, file, byHttp }];
    });
}
