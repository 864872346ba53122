import { bootEvents } from "./catalogue/boots.ts";
import { dhcpEvents } from "./catalogue/dhcp.ts";
import { elsewhereEvents } from "./catalogue/elsewhere.ts";
import type { EventEntry } from "./catalogue/entry.ts";
import { databaseEvents, leaderEvents } from "./catalogue/leader.ts";
import { mirrorEvents } from "./catalogue/mirror.ts";
import { processEvents } from "./catalogue/process.ts";
import { nodeEvents } from "./catalogue/nodes.ts";
import { transferEvents } from "./catalogue/transfers.ts";
import type { EventName } from "./types.ts";

export type { Level } from "./catalogue/entry.ts";

/** The level and the words of each event, and how often it is shown. `docs/events.md` is this table for people. */
export const eventCatalogue: { readonly [Name in EventName]: EventEntry<Name> } = {
  ...processEvents,
  ...leaderEvents,
  ...databaseEvents,
  ...bootEvents,
  ...dhcpEvents,
  ...transferEvents,
  ...mirrorEvents,
  ...nodeEvents,
  ...elsewhereEvents,
};
