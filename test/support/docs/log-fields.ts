import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventCatalogue } from "../../../src/events/catalogue.ts";
import { table } from "./parts.ts";

/* Which fields the events carry, from their types: `src/events/types.ts` and what that is put together from. */

const folder = "src/events";
/** What several events share, by the name of the type. */
const shared: Readonly<Record<string, readonly string[]>> = {
  Machine: ["mac", "address"],
  TftpTerms: ["blksize", "windowsize", "timeoutSeconds"],
};

/** The fields of each event, by its name, in the order of its type. */
export function fieldsOfEvents(): ReadonlyMap<string, readonly string[]> {
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(join(folder, name), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""));
  const bodies = sources.flatMap((text) =>
    [...text.matchAll(/interface \w*EventFields[^{]*\{/g)].map((match) =>
      bodyFrom(text, match.index + match[0].length),
    ),
  );
  return new Map(bodies.flatMap(membersOf).map(([name, type]) => [name, fieldsIn(type)]));
}

/** The text up to the brace that closes what is open. */
function bodyFrom(text: string, from: number): string {
  let depth = 1;
  let at = from;
  for (; depth > 0 && at < text.length; at++) {
    if (text[at] === "{") depth += 1;
    if (text[at] === "}") depth -= 1;
  }
  return text.slice(from, at - 1);
}

/** `name: type;` at the outermost level. */
function membersOf(body: string): readonly (readonly [string, string])[] {
  const members: [string, string][] = [];
  let rest = body;
  for (;;) {
    const [start, name] = /^\s*"?([\w-]+)"?:/.exec(rest) ?? [];
    if (start === undefined || name === undefined) return members;
    let depth = 0;
    let at = start.length;
    for (; at < rest.length && !(depth === 0 && rest[at] === ";"); at++) {
      if (rest[at] === "{") depth += 1;
      if (rest[at] === "}") depth -= 1;
    }
    members.push([name, rest.slice(start.length, at)]);
    rest = rest.slice(at + 1);
  }
}

function fieldsIn(type: string): readonly string[] {
  const named = Object.entries(shared).flatMap(([name, fields]) =>
    new RegExp(`\\b${name}\\b`).test(type) ? fields : [],
  );
  const own = [...type.matchAll(/(\w+)\??:/g)].map(([, name = ""]) => name);
  return [...new Set([...named, ...own])];
}

/** What a field is wherever it stands. */
export const commonFields: Readonly<Record<string, string>> = {
  mac: "the machine's hardware address; null where it is not known",
  address: "the machine's address, or the one that it is about; null where there is none",
  interface: "the network interface of this server",
  server: "the address of another DHCP or PXE server",
  file: "a file as it is served",
  bytes: "how large it is, in bytes",
  durationMs: "how long it took, in milliseconds",
  protocol: "`tftp` or `http`",
  retransmissions: "TFTP packets that were sent again",
  way: "[how its firmware is answered](booting.md#firmware-that-wants-it-otherwise), or how it was sent on to its disk",
  uuid: "the machine's UUID, as its firmware says",
  serial: "its serial number, as its firmware says",
  stage: "a stage of a boot",
  code: "a code of [diagnosis.md](diagnosis.md)",
  reason: "why, for people; its words may change",
  remedy: "what to do, for people; its words may change",
  who: "who has to act: `site`, `network`, `orchestrator`, `us`",
  origin: "the orchestrator's URL",
  generation: "a generation of the mirror, by its id",
  expiresAt: "when a certificate ends, ISO 8601",
  fingerprint: "SHA-256 of a certificate",
  days: "until then",
};

export function commonFieldsTable(): string {
  return table(
    ["field", "what it is"],
    Object.entries(commonFields).map(([name, meaning]) => [`\`${name}\``, meaning]),
  );
}

export function eventFieldsTable(): string {
  const fields = fieldsOfEvents();
  return table(
    ["event", "fields"],
    Object.keys(eventCatalogue).map((name) => [
      `\`${name}\``,
      (fields.get(name) ?? []).map((field) => `\`${field}\``).join(", "),
    ]),
  );
}
