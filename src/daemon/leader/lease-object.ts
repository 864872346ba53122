import { z } from "zod";

/*
 * The `Lease` object of coordination.k8s.io/v1 by which replicas agree on who answers. Its holder writes it anew
 * every few seconds; who sees it unchanged for as long as it says takes it over. Its times are for people: nobody's
 * clock is compared with another's.
 */

/** The journal that has every lease of the site; without it none has. */
export const JOURNAL_ANNOTATION = "eim-pxe/journal";

const text = z.string().nullish();
const leaseObject = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    resourceVersion: z.string().default(""),
    annotations: z.record(z.string(), z.string()).nullish(),
  }),
  spec: z
    .looseObject({
      holderIdentity: text,
      leaseDurationSeconds: z.number().nullish(),
      acquireTime: text,
      renewTime: text,
      leaseTransitions: z.number().nullish(),
    })
    .nullish(),
});

export type LeaseObject = z.output<typeof leaseObject>;

/** @throws ZodError when it is none */
export function readLeaseObject(value: unknown): LeaseObject {
  return leaseObject.parse(value);
}

/** Who holds it; empty: nobody. */
export function holderOf({ spec }: LeaseObject): string {
  return spec?.holderIdentity ?? "";
}

export function journalOf({ metadata }: LeaseObject): string | null {
  return metadata.annotations?.[JOURNAL_ANNOTATION] ?? null;
}

/** What its holder writes anew each time: while this stays the same, the holder is not there. */
export function signOfLife({ spec }: LeaseObject): string {
  return JSON.stringify([spec?.holderIdentity, spec?.acquireTime, spec?.renewTime]);
}

export interface Holding {
  /** Empty: given up. */
  readonly identity: string;
  readonly leaseSeconds: number;
  /** Null: our journal may lack leases that others granted. */
  readonly journal: string | null;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

/** The object to create where there is none. */
export function newLeaseObject(name: string, holding: Holding): object {
  return {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name, ...annotated({}, holding.journal) },
    spec: { ...specOf(holding), acquireTime: microTime(holding.wallMs), leaseTransitions: 0 },
  };
}

/** The object to write in place of one that was read; what others wrote into it stays. */
export function heldLeaseObject(read: LeaseObject, holding: Holding): object {
  const { metadata, spec } = read;
  const changes = holderOf(read) !== holding.identity && holding.identity !== "";
  const transitions = spec?.leaseTransitions ?? 0;
  return {
    ...read,
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { ...metadata, ...annotated(metadata.annotations ?? {}, holding.journal) },
    spec: {
      ...spec,
      ...specOf(holding),
      ...(changes ? { acquireTime: microTime(holding.wallMs) } : {}),
      leaseTransitions: changes ? transitions + 1 : transitions,
    },
  };
}

function specOf({ identity, leaseSeconds, wallMs }: Holding) {
  return {
    // An empty name is none: it is left out.
    holderIdentity: identity === "" ? null : identity,
    leaseDurationSeconds: leaseSeconds,
    renewTime: microTime(wallMs),
  };
}

function annotated(others: Readonly<Record<string, string>>, journal: string | null) {
  const { [JOURNAL_ANNOTATION]: _former, ...rest } = others;
  return { annotations: journal === null ? rest : { ...rest, [JOURNAL_ANNOTATION]: journal } };
}

/** Kubernetes' MicroTime: RFC 3339 with six digits after the point. */
function microTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("Z", "000Z");
}
