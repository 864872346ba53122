import { z } from "zod";
import { identities, type Netboot, netbootWords } from "../boot/node.ts";
import { ip4 } from "../config/values.ts";
import { parseMac } from "../lib/mac.ts";
import { swappedUuid } from "../boot/identity/uuid.ts";
import { hasWildcard, matchesWildcard } from "../boot/identity/wildcard.ts";
import { type MachineIdentity, parseIdentity } from "../boot/identity/identity.ts";

/*
 * What people decided about machines by the API and the command line. It goes before the nodes file, word by
 * word, and is kept in the data folder. These are also the shapes of that file.
 */

const who = { by: z.string().max(300), at: z.iso.datetime() };

const match = z
  .strictObject({ kind: z.enum(identities), value: z.string() })
  .refine(({ kind, value }) => parseIdentity(kind, value) === value, "is no MAC, UUID or serial");

/** One decision about one machine, or about all that fit a wildcard. Null: what the nodes file says holds. */
export const override = z.strictObject({
  match,
  netboot: z.enum(netbootWords).nullable(),
  name: z.string().nullable(),
  /** Reserved for it by `leases pin`. */
  address: ip4.nullable(),
  ...who,
});
export type NodeOverride = Readonly<z.output<typeof override>>;
export type NodeMatch = NodeOverride["match"];

/** Which boot used up a `once`, as `UsedOnce` says. */
export const usedOnce = z.strictObject({
  mac: z.string().refine((text) => parseMac(text) === text),
  uuid: z.string().nullable(),
  serial: z.string().nullable(),
  at: z.iso.datetime(),
});

export const keptNodes = z.strictObject({
  version: z.literal(1),
  overrides: z.array(override),
  usedOnce: z.array(usedOnce),
});
export type KeptNodes = Readonly<z.output<typeof keptNodes>>;

/** What somebody wants changed; a part that is absent stays. */
export interface NodeChange {
  readonly netboot?: NodeOverride["netboot"];
  readonly name?: string | null;
  readonly address?: string | null;
}

type NetbootDecision = NodeOverride & { readonly netboot: Netboot };

function saysWord(one: NodeOverride): one is NetbootDecision {
  return one.netboot !== null;
}

/** What was decided about one machine, word by word: of each the first decision that says it. */
export interface Decided {
  /** The one that says whether it may network-boot. */
  readonly word: NetbootDecision | null;
  readonly name: string | null;
  readonly address: string | null;
  /** Its MAC, where a decision names it by that. */
  readonly mac: string | null;
}

/** The decisions in force, found as entries of the nodes file are. */
export class OverrideTable {
  readonly #named = new Map<string, NodeOverride>();
  readonly #wide = new Map<string, NodeOverride>();
  readonly #byAddress = new Map<string, NodeOverride>();

  get all(): readonly NodeOverride[] {
    return [...this.#named.values(), ...this.#wide.values()];
  }

  get isEmpty(): boolean {
    return this.#named.size === 0 && this.#wide.size === 0;
  }

  /** Whether some decision names its machine by serial number. */
  get namesSerials(): boolean {
    return this.all.some(({ match: { kind } }) => kind === "serial");
  }

  at({ kind, value }: NodeMatch): NodeOverride | null {
    const key = `${kind} ${value}`;
    return this.#named.get(key) ?? this.#wide.get(key) ?? null;
  }

  /** Null: nobody decided anything about it. */
  find(machine: MachineIdentity): Decided | null {
    const all = [...this.#matching(machine)];
    if (all.length === 0) return null;
    const byMac = all.find(({ match: { kind, value } }) => kind === "mac" && !hasWildcard(value));
    return {
      word: all.find(saysWord) ?? null,
      name: all.find(({ name }) => name !== null)?.name ?? null,
      address: all.find(({ address }) => address !== null)?.address ?? null,
      mac: byMac?.match.value ?? null,
    };
  }

  /** By MAC, UUID, serial number, in that order, and then by wildcards. */
  *#matching(machine: MachineIdentity): Iterable<NodeOverride> {
    const { mac, uuid, serial } = machine;
    const keys = [
      `mac ${mac}`,
      ...(uuid === null ? [] : new Set([`uuid ${uuid}`, `uuid ${swappedUuid(uuid)}`])),
      ...(serial === null ? [] : [`serial ${serial}`]),
    ];
    for (const key of keys) {
      const named = this.#named.get(key);
      if (named !== undefined) yield named;
    }
    for (const wide of this.#wide.values()) {
      const value = machine[wide.match.kind];
      if (value !== null && matchesWildcard(wide.match.value, value)) yield wide;
    }
  }

  reservedFor(address: string): NodeOverride | null {
    return this.#byAddress.get(address) ?? null;
  }

  /** One that says nothing any more is removed. */
  put(next: NodeOverride): void {
    const key = `${next.match.kind} ${next.match.value}`;
    const former = this.at(next.match);
    if (former?.address != null) this.#byAddress.delete(former.address);
    const table = hasWildcard(next.match.value) ? this.#wide : this.#named;
    if (next.netboot === null && next.name === null && next.address === null) table.delete(key);
    else {
      table.set(key, next);
      if (next.address !== null) this.#byAddress.set(next.address, next);
    }
  }
}
