import type { Service } from "./process.ts";

/** The ways in which the server under test can serve the link. */
export const modes = ["full", "proxy"] as const;
export type Mode = (typeof modes)[number];

/** One of the server's log lines that has an `event`. */
export interface ServerEvent {
  readonly event: string;
  /** `performance.now()` when the line came. */
  readonly at: number;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A server under test in the lab. */
export interface BootServer {
  readonly service: Service;
  /** All events so far, oldest first. */
  readonly events: readonly ServerEvent[];
  /** Calls the listener with every event from now on; gives the way to stop that. */
  readonly onEvent: (listener: (event: ServerEvent) => void) => () => void;
  /** The first event of that name from the `from`th on, past or future, about that machine where one is given. */
  readonly waitForEvent: (
    name: string,
    mac: string | null,
    timeoutMs: number,
    from?: number,
  ) => Promise<ServerEvent>;
}

/** Reads a service's JSON log lines as events; `translate` is for one that does not log JSON. */
export function readEvents(
  service: Service,
  translate: (line: string) => Readonly<Record<string, unknown>> | null = jsonLine,
): BootServer {
  const events: ServerEvent[] = [];
  const listeners = new Set<(event: ServerEvent) => void>();
  service.onLine((line) => {
    const fields = translate(line);
    const name = fields?.["event"];
    if (fields === null || typeof name !== "string") return;
    const event = { event: name, at: performance.now(), fields };
    events.push(event);
    for (const listener of listeners) listener(event);
  });
  return {
    service,
    events,
    onEvent: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    waitForEvent: async (name, mac, timeoutMs, from = 0) => {
      const wanted = (event: ServerEvent) =>
        event.event === name && (mac === null || event.fields["mac"] === mac);
      const about = mac === null ? `event ${name}` : `event ${name} of ${mac}`;
      // The listener above was registered first, so `events` has every line that this one sees.
      return service.waitForLine(about, () => events.slice(from).find(wanted) ?? null, timeoutMs);
    },
  };
}

function jsonLine(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}
