import { eventCatalogue } from "../events/catalogue.ts";
import type { EventName } from "../events/types.ts";

/** What stands in a line of its own, in this order; the other fields stand behind the message. */
const ownLines: readonly string[] = ["reasons", "reason", "remedy"];
/** What the line shows elsewhere, or what is of no use to a person. */
const hidden: ReadonlySet<string> = new Set([
  "level",
  "time",
  "event",
  "msg",
  "pid",
  "hostname",
  ...ownLines,
]);

/**
 * A line of the log as a person reads it on a terminal: the message, its fields as `key=value`, and in
 * lines of their own why it happened and what to do.
 *
 * @param seen names of events that were shown before: what an event means is explained once
 */
export function terminalText(record: Readonly<Record<string, unknown>>, seen: Set<string>): string {
  const fields = Object.entries(record)
    .filter(([key, value]) => !hidden.has(key) && value !== null && value !== undefined)
    .map(([key, value]) => `${key}=${shown(value)}`);
  const name = textOf(record["event"]);
  const first = [textOf(record["msg"]), ...(name === "" ? [] : [`(${name})`]), ...fields];
  const below = ownLines.flatMap((key) => linesOf(key, record[key]));
  return harmless([first.join("  "), ...below, ...explanation(name, seen)].join("\n"));
}

/** Whoever wrote a text: nothing in it is a command to the terminal, or turns the order of its letters round. */
function harmless(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]|\p{Cf}/gu, "?");
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function linesOf(key: string, value: unknown): string[] {
  if (value === undefined || value === null) return [];
  const items: unknown[] = Array.isArray(value) ? value : [value];
  const title = key === "remedy" ? "what to do" : "why";
  return items.map((item) =>
    indented(title, typeof item === "string" ? item : JSON.stringify(item)),
  );
}

/** What a warning or an error means is in the catalogue, and mostly what to do, too. */
function explanation(name: string, seen: Set<string>): string[] {
  if (!isEventName(name) || seen.has(name)) return [];
  const { level, meaning } = eventCatalogue[name];
  if (level !== "warn" && level !== "error") return [];
  seen.add(name);
  const plain = meaning.replaceAll("`", "").replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return [indented("about it", plain)];
}

function indented(title: string, text: string): string {
  return `    ${title}: ${text.replaceAll("\n", "\n      ")}`;
}

function isEventName(name: string): name is EventName {
  return Object.hasOwn(eventCatalogue, name);
}

function shown(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return value.map(shown).join(",");
  if (typeof value === "number" && !Number.isInteger(value)) return value.toFixed(1);
  return JSON.stringify(value);
}
