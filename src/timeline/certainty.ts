/**
 * How certain something of a boot is: `proved` by what the machine did with us, `reported` by the machine
 * itself, `inferred` from what was seen beside it.
 */
export const certainties = ["proved", "reported", "inferred"] as const;
export type Certainty = (typeof certainties)[number];

export function moreCertain(one: Certainty | undefined, other: Certainty): Certainty {
  return one !== undefined && certainties.indexOf(one) < certainties.indexOf(other) ? one : other;
}
