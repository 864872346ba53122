import type { Boot, Sighting } from "./boot.ts";

/** What a boot knows a machine by besides its hardware address. */
export type Claim = "uuid" | "serial";

type Identified = Pick<Boot, "uuid" | "serial" | "claims">;

/** A claim replaces nothing that is proved. */
export function identityBy(boot: Identified, seen: Sighting): Identified {
  const next = { uuid: boot.uuid, serial: boot.serial };
  let { claims } = boot;
  for (const part of ["uuid", "serial"] as const) {
    const told = seen[part] ?? null;
    const isProved = boot[part] !== null && !boot.claims.includes(part);
    if (told === null || (seen.isClaim === true && isProved)) continue;
    next[part] = told;
    claims = claims.filter((claim) => claim !== part);
    if (seen.isClaim === true) claims = [...claims, part];
  }
  return { ...next, claims };
}

/** What a boot knows of its machine by which it may be decided; without a boot nothing. */
export function provedIdentity(boot: Identified | null): Pick<Boot, "uuid" | "serial"> {
  if (boot === null) return { uuid: null, serial: null };
  const { uuid, serial, claims } = boot;
  return {
    uuid: claims.includes("uuid") ? null : uuid,
    serial: claims.includes("serial") ? null : serial,
  };
}
