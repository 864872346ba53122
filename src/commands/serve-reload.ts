import type { Config } from "../config/schema.ts";
import type { Services } from "../daemon/services.ts";
import { reloadInventory } from "../daemon/settings/reload.ts";
import { changedKeys, loadConfiguration } from "../daemon/settings/settings.ts";
import { ConfigError, messageOf } from "../lib/errors.ts";
import type { ServiceManager } from "../net/service-manager.ts";
import type { Program } from "./shared/context.ts";

/** Problems of a file in one line of the log. */
const mostProblems = 10;

export interface Reloading {
  readonly services: Services;
  readonly manager: ServiceManager;
  /** In force. */
  readonly config: Config;
  /** The configuration file that was named; null: the default one. */
  readonly file: string | null;
}

/** SIGHUP: reads again what can change at run time, and says which other keys of the configuration have changed. */
export async function reloadAll({ environment }: Program, reloading: Reloading): Promise<void> {
  const { services, manager, config, file } = reloading;
  const { emit } = services.events;
  manager.reloading();
  await guarded(services, () => {
    const keys = changedKeys(config, loadConfiguration(file, environment));
    if (keys.length > 0) emit({ event: "restart-needed", keys });
  });
  await guarded(services, async () => {
    services.reloadCertificate();
    if (config.nodes.file !== null) await useNodesFile(services, config);
    else if (!reloadsWithoutNodesFile(config)) {
      throw new ConfigError([
        "none of nodes.file, http.tls and admin.tls is set, so there is nothing to read again; a changed configuration takes a restart",
      ]);
    }
  });
  manager.ready();
}

/** The nodes file has changed. */
export function reloadNodes({ services, config }: Omit<Reloading, "manager">): Promise<void> {
  return guarded(services, () => useNodesFile(services, config));
}

async function useNodesFile(services: Services, config: Config): Promise<void> {
  services.useInventory(await reloadInventory(config));
}

/** Whatever is wrong with a file, it must not end a server that runs. */
async function guarded(services: Services, work: () => void | Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const reason = error instanceof ConfigError ? problemsIn(error) : messageOf(error);
    services.events.emit({ event: "reload-failed", reason });
  }
}

/** In one line of the log, however many there are; `check` lists all. */
function problemsIn({ problems }: ConfigError): string {
  const more = problems.length - mostProblems;
  const shown = problems.slice(0, mostProblems).join("; ");
  return more > 0 ? `${shown}; and ${more} more, which eim-pxe check lists` : shown;
}

/** Certificates are read again by the call above, and the cluster's objects are watched. */
function reloadsWithoutNodesFile({ http, admin, nodes }: Config): boolean {
  return http.tls !== null || admin.tls !== null || nodes.format === "kubernetes";
}
