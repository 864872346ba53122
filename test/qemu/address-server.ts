import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LabNetwork, Wire } from "./network.ts";
import { startService } from "./process.ts";
import type { Command, Service } from "./process.ts";

/**
 * The site's own DHCP server in proxy mode: dnsmasq in a namespace of its own on the same link. It
 * gives addresses, and no word about booting.
 *
 * @param lines what it serves, such as `addressLines` gives
 */
export async function startAddressServer(
  network: LabNetwork,
  folder: string,
  lines: readonly string[],
): Promise<Service> {
  return startDnsmasq("site-dnsmasq", folder, network.insideSite, [
    ...lines,
    // Neither router nor name server: there is none.
    "dhcp-option=3",
    "dhcp-option=6",
    "dhcp-authoritative",
  ]);
}

/** Lines of dnsmasq's that give out addresses of a link, and a router where there is one. */
export function addressLines(link: Wire, router: string | null = null): string[] {
  const range = [link.firstAddress, link.lastAddress, link.netmask, "2m"].join(",");
  return [
    `dhcp-range=set:${link.bridge},${range}`,
    ...(router === null ? [] : [`dhcp-option=tag:${link.bridge},option:router,${router}`]),
  ];
}

/** dnsmasq in the foreground with these lines as its whole configuration; resolves when it serves. */
export async function startDnsmasq(
  name: string,
  folder: string,
  inside: (...command: Command) => Command,
  lines: readonly string[],
): Promise<Service> {
  const configuration = join(folder, `${name}.conf`);
  const common = [
    "port=0", // no name service
    "user=root",
    "bind-interfaces",
    "log-dhcp",
    `dhcp-leasefile=${join(folder, `${name}.leases`)}`,
    "pid-file=",
  ];
  await writeFile(configuration, [...common, ...lines, ""].join("\n"));
  const service = startService({
    name,
    command: inside(
      "dnsmasq",
      "--keep-in-foreground",
      "--log-facility=-",
      `--conf-file=${configuration}`,
    ),
    logFile: join(folder, `${name}.log`),
  });
  const started = (line: string) => (/started, version/.test(line) ? true : null);
  await service.waitForLine("start", started, 10_000);
  return service;
}
