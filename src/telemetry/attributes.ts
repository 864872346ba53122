import type { PxeEvent } from "../events/types.ts";
import type { Boot, Step } from "../timeline/boot.ts";
import type { Attributes, AttributeValue } from "./span.ts";

/*
 * Names of OpenTelemetry's semantic conventions where there are any (`host.…`, `client.address`), and behind `eim_pxe.`
 * the fields as events and the API have them.
 */

/** Of the span that is the boot. */
export function bootAttributes(boot: Boot): Attributes {
  const { mac, address, uuid, serial, vendor, model } = boot;
  return given({
    "eim_pxe.boot": boot.id,
    "eim_pxe.stage": boot.stage,
    "eim_pxe.attempt": boot.attempt,
    "eim_pxe.generation": boot.generation,
    "eim_pxe.serial": serial,
    "eim_pxe.vendor": vendor,
    "eim_pxe.model": model,
    // As the conventions write it: AC-DE-48-23-45-67.
    "host.mac": mac === null ? null : [mac.toUpperCase().replaceAll(":", "-")],
    "host.id": uuid,
    "client.address": address,
  });
}

/** Of the span that is a stage. */
export function stageAttributes({ stage, count, certainty, detail }: Step): Attributes {
  return given({
    "eim_pxe.stage": stage,
    "eim_pxe.count": count,
    "eim_pxe.certainty": certainty,
    ...prefixed(detail),
  });
}

/** Of what happened beside the stages. */
export function eventAttributes(event: PxeEvent): Attributes {
  const { event: _, ...fields } = event;
  return given(prefixed(fields));
}

/** What the span has anyway. */
const known: ReadonlySet<string> = new Set(["mac", "address", "uuid", "serial", "traceparent"]);

function prefixed(fields: object): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    if (!known.has(key)) found[`eim_pxe.${key}`] = value;
  }
  return found;
}

/** Without what is not known, and without what is no attribute. */
function given(fields: Readonly<Record<string, unknown>>): Attributes {
  const found: Record<string, AttributeValue> = {};
  for (const [key, value] of Object.entries(fields)) if (isAttribute(value)) found[key] = value;
  return found;
}

function isAttribute(value: unknown): value is AttributeValue {
  if (Array.isArray(value)) return value.every((part) => typeof part === "string");
  return ["string", "number", "boolean"].includes(typeof value);
}
