import type { Moment } from "../../src/lib/clock.ts";
import { bootState } from "../../src/timeline/boot-record.ts";
import type { BootSessions } from "../../src/timeline/boots.ts";
import type { OtherState } from "../../src/timeline/elsewhere/other-boots.ts";

/** The boots of a server as it writes them into the database. */
export function statesOf(
  sessions: BootSessions,
  server: string,
  name: string,
  now: Moment,
): readonly OtherState[] {
  return sessions.list().map((boot) => ({ server, name, state: bootState(boot, now) }));
}
