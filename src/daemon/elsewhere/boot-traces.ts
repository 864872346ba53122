import { randomBytes } from "node:crypto";
import type { Knowledge } from "../../dhcp/handlers/decide.ts";
import type { Clock } from "../../lib/clock.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { ListenerOptions } from "../links/listeners.ts";
import { PlannedTraces, traceOf } from "../../timeline/traces.ts";

/**
 * The traces of boots: one for each, or all in that of this process where it belongs to one (TRACEPARENT). Null: nobody
 * collects them.
 */
export function tracesOf({
  settings,
  trace: parent,
}: Pick<ListenerOptions, "settings" | "trace">): PlannedTraces | null {
  if (settings.config.telemetry.otlp === null) return null;
  return new PlannedTraces(() => ({
    traceId: parent?.traceId ?? randomId(16),
    spanId: randomId(8),
    parentId: parent?.parentId ?? null,
    sampled: parent?.sampled ?? true,
  }));
}

/** What a DHCP reply names. */
export function traceOfRequest(
  sessions: BootSessions,
  clock: Pick<Clock, "now">,
): NonNullable<Knowledge["traceOf"]> {
  const stages = [
    ["offer", "discover"],
    ["ipxe-offer", "ipxe-discover"],
  ] as const;
  return ({ mac, messageType }, isIpxe) => {
    const [onward, first] = stages[isIpxe ? 1 : 0];
    const stage = messageType === DISCOVER ? first : onward;
    return mac === "" ? null : traceOf(sessions, { mac, address: null }, stage, clock.now());
  };
}

/** RFC 2132 9.6 */
const DISCOVER = 1;

/** Zeros are no id, and come once in 2^64. */
function randomId(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
