import type { Config } from "../config/schema.ts";
import { askDatabase } from "../daemon/database/ask.ts";
import { wantedLinks } from "../daemon/links/link-plan.ts";
import type { Environment } from "../daemon/settings/environment.ts";
import type { Settings } from "../daemon/settings/settings.ts";
import { findRunning } from "../daemon/state/instance-file.ts";
import { ConfigError } from "../lib/errors.ts";
import type { Ip4 } from "../lib/ip4.ts";
import { type NetworkInterface, usability } from "../net/interfaces.ts";
import type { Check, CheckLine } from "./check.ts";
import { tryBindings } from "./evidence/bindings.ts";
import { askOrigins } from "./evidence/origin.ts";
import { peersOf } from "./evidence/peers.ts";
import { listen } from "./evidence/wire.ts";
import { assetCheck, loaderCheck, mirrorCheck, serverCheck } from "./rules/boot.ts";
import { configurationCheck, diskCheck, firewallCheck, interfaceCheck } from "./rules/host.ts";
import { portsCheck, privilegesCheck } from "./rules/ports.ts";
import { databaseCheck } from "./rules/database.ts";
import { neighbourCheck } from "./rules/neighbours.ts";
import { certificateCheck, clockCheck, originCheck } from "./rules/origin.ts";
import { wireCheck } from "./rules/wire.ts";
import type { DoctorLink, DoctorSite, HeardLink } from "./site.ts";

/** Everything that is checked of a configuration, in the order in which it is told. */
export const checks: readonly Check<DoctorSite>[] = [
  configurationCheck,
  serverCheck,
  interfaceCheck,
  privilegesCheck,
  portsCheck,
  firewallCheck,
  neighbourCheck,
  databaseCheck,
  wireCheck,
  originCheck,
  certificateCheck,
  clockCheck,
  diskCheck,
  loaderCheck,
  assetCheck,
  mirrorCheck,
];

/** What `serve` runs at its start. */
export const quickChecks: readonly Check<DoctorSite>[] = checks.filter(({ quick }) => quick);

export interface DoctorParts {
  readonly settings: Settings;
  readonly file: string | null;
  readonly environment: Environment;
  readonly interfaces: readonly NetworkInterface[];
  /** The only interface to look at; null: all that are configured. */
  readonly only: string | null;
  readonly now: () => number;
}

/** @throws ConfigError when `only` is not configured, or no interface can be chosen */
export async function openSite(parts: DoctorParts): Promise<DoctorSite> {
  const { settings, interfaces, environment, now } = parts;
  const { config } = settings;
  const links = linksOf(config, interfaces, parts.only);
  const database = once(() => askDatabase(config));
  return {
    settings,
    file: parts.file,
    environment,
    interfaces,
    links,
    running: await findRunning(config.dataDir),
    now,
    bindings: once(() => tryBindings(config, links)),
    wire: once(async () =>
      hear(links, config, interfaces, await peersOf(config, await database())),
    ),
    origins: once(() => askOrigins(settings, environment, now)),
    database,
  };
}

/** Runs checks one after the other; each line is handed on as soon as it is there. */
export async function runChecks(
  site: DoctorSite,
  which: readonly Check<DoctorSite>[],
  onLine: (line: CheckLine) => void = () => {},
): Promise<readonly CheckLine[]> {
  const all: CheckLine[] = [];
  for (const one of which) {
    for (const line of await one.run(site)) {
      all.push(line);
      onLine(line);
    }
  }
  return all;
}

function linksOf(
  config: Config,
  interfaces: readonly NetworkInterface[],
  only: string | null,
): readonly DoctorLink[] {
  // An interface that is not there is what is looked for here, and no reason to give up.
  const wanted =
    config.interfaces.length === 0
      ? wantedLinks(config, interfaces).map(({ interface: name }) => ({
          name,
          address: null,
          dhcp: { mode: "proxy" as const },
        }))
      : config.interfaces;
  const chosen = wanted.filter(({ name }) => only === null || name === only);
  if (chosen.length === 0) {
    const known = wanted.map(({ name }) => name).join(", ");
    throw new ConfigError([`--interface ${only ?? ""} is not configured; configured: ${known}`]);
  }
  return chosen.map(({ name, address, dhcp: { mode } }) => {
    const judged = usability(interfaces, name, address);
    return { name, address, mode, ours: judged.kind === "usable" ? judged.found.address : null };
  });
}

/** All links at once: each takes some seconds. */
async function hear(
  links: readonly DoctorLink[],
  config: Config,
  interfaces: readonly NetworkInterface[],
  peers: readonly Ip4[],
): Promise<readonly HeardLink[]> {
  const usable = links.flatMap((link) =>
    // In mode off the site's own server is meant to be there.
    link.ours === null || link.mode === "off" ? [] : [{ ...link, ours: link.ours }],
  );
  return Promise.all(usable.map((link) => listen(link, config, interfaces, peers)));
}

/** Looks when it is asked for the first time. */
function once<T>(look: () => Promise<T>): () => Promise<T> {
  let found: Promise<T> | null = null;
  return () => (found ??= look());
}
