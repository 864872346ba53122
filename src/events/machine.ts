import type { Ip4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";

/** Whom an event is about. Either may be unknown where it is raised; the timeline's recorder fills in what it knows. */
export interface Machine {
  readonly mac: Mac | null;
  readonly address: Ip4 | null;
}
