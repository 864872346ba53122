import type { Config } from "../../config/schema.ts";
import type { LeaseTable } from "../../dhcp/leases/lease-table.ts";
import type { Emit } from "../../events/types.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import type { Inventory } from "../../nodes/inventory.ts";
import { clusterAccess } from "../kubernetes/cluster-access.ts";
import type { WantedLink } from "../links/link-plan.ts";
import type { Environment } from "../settings/environment.ts";
import type { LeaseAccess } from "./lease-client.ts";
import { LeaderJournal } from "./leader-journal.ts";
import { Leadership } from "./leadership.ts";

/** What replicas compete by. */
export interface LeaderAccess {
  readonly access: LeaseAccess;
  /** This replica's name for people: the pod's, else the host's. */
  readonly replica: string;
}

/**
 * How to reach the Lease object of `leader.kubernetesLease`; null where none is configured.
 *
 * @throws ConfigError when it cannot be reached so
 */
export function leaderAccess(
  { leader }: Config,
  environment: Environment,
  hostname: string,
): LeaderAccess | null {
  if (leader.kubernetesLease === null) return null;
  const keys = { neededBy: "leader.kubernetesLease", kubeconfigKey: "leader.kubeconfig" };
  const access = clusterAccess({ ...keys, ...leader }, environment);
  return {
    access: { ...access, namespace: access.namespace ?? "default" },
    replica: environment["POD_NAME"] ?? hostname,
  };
}

export interface LeaderParts {
  readonly config: Config;
  /** Null: this server is the only one. */
  readonly leader: LeaderAccess | null;
  readonly links: readonly WantedLink[];
  readonly instance: string;
  readonly leases: LeaseTable;
  readonly inventory: () => Pick<Inventory, "entries">;
  readonly clock: SteadyClock;
  readonly emit: Emit;
}

export interface Leading {
  readonly leadership: Leadership;
  readonly journal: LeaderJournal;
  /** The links, on which DHCP in mode full is served while this replica leads. */
  readonly links: readonly WantedLink[];
}

/** Null where no leader is needed: one server, or no link in mode full. */
export function openLeadership(parts: LeaderParts): Leading | null {
  const { config, leader, links, instance, leases, clock, emit } = parts;
  const { kubernetesLease: name, leaseSeconds, journalDir } = config.leader;
  if (leader === null || name === null || !links.some(({ mode }) => mode === "full")) return null;
  const folder = journalDir ?? config.dataDir;
  const journal = new LeaderJournal({ folder, leases, clock, emit });
  const leadership = new Leadership({
    ...leader,
    name,
    leaseSeconds,
    instance,
    journal,
    rebindSeconds: () => rebindSeconds(config, parts.inventory().entries),
    emit,
    clock,
  });
  return { leadership, journal, links: links.map((link) => whileLeading(link, leadership)) };
}

/** T2 of the longest lease that any replica grants: by then each machine has asked all servers (RFC 2131 4.4.5). */
function rebindSeconds(config: Config, entries: Inventory["entries"]): number {
  const networks = config.interfaces.flatMap(({ dhcp }) => [dhcp, ...dhcp.relayed]);
  const ofNetworks = networks.flatMap(({ leaseSeconds, netbootLeaseSeconds }) => [
    leaseSeconds,
    netbootLeaseSeconds,
  ]);
  let longest = Math.max(0, ...ofNetworks);
  for (const { leaseSeconds } of entries) longest = Math.max(longest, leaseSeconds ?? 0);
  return Math.ceil((longest * 7) / 8);
}

function whileLeading(link: WantedLink, leadership: Leadership): WantedLink {
  if (link.mode !== "full") return link;
  return {
    ...link,
    servedAs: (found) => {
      const served = link.servedAs(found);
      return leadership.isLeading() ? served : { ...served, dhcp: null };
    },
  };
}
