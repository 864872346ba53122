import { eventCatalogue } from "../events/catalogue.ts";
import type { PxeEvent } from "../events/types.ts";

/** An event as CloudEvents 1.0 has it, in the JSON format (`application/cloudevents+json`). */
export interface CloudEvent {
  readonly specversion: "1.0";
  /** The same each time that it is sent; with `source` it is unique. */
  readonly id: string;
  /** Which server it comes from: `/eim-pxe/HOSTNAME`. */
  readonly source: string;
  /** `eim-pxe.boot-stalled` */
  readonly type: string;
  /** The machine, link, file or server that it is about. */
  readonly subject?: string;
  /** RFC 3339 */
  readonly time: string;
  readonly datacontenttype: "application/json";
  /** What the log line of the event has. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Origin {
  readonly hostname: string;
  /** Another one for each call. */
  readonly newId: () => string;
  /** Milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

export function cloudEvent(event: PxeEvent, { hostname, newId, wallMs }: Origin): CloudEvent {
  const { event: name, ...fields } = event;
  const { level, message } = eventCatalogue[name];
  const subject = subjectOf(fields);
  return {
    specversion: "1.0",
    id: newId(),
    source: `/eim-pxe/${encodeURIComponent(hostname)}`,
    type: `eim-pxe.${name}`,
    ...(subject === null ? {} : { subject }),
    time: new Date(wallMs).toISOString(),
    datacontenttype: "application/json",
    data: { level, event: name, ...fields, msg: message },
  };
}

/** What a receiver that is being set up gets: no event of the catalogue. */
export function testEvent({ hostname, newId, wallMs }: Origin): CloudEvent {
  return {
    specversion: "1.0",
    id: newId(),
    source: `/eim-pxe/${encodeURIComponent(hostname)}`,
    type: "eim-pxe.test",
    time: new Date(wallMs).toISOString(),
    datacontenttype: "application/json",
    data: { level: "info", event: "test", msg: "eim-pxe notify test: this webhook works" },
  };
}

/** By what people look for it. */
const subjects = ["mac", "address", "interface", "origin", "file", "certFile", "generation"];

function subjectOf(fields: Readonly<Record<string, unknown>>): string | null {
  const named = subjects.map((key) => fields[key]);
  return named.find((value): value is string => typeof value === "string" && value !== "") ?? null;
}
