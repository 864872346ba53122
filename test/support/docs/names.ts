import { readFileSync } from "node:fs";
import { endpoints } from "../../../src/api/endpoints.ts";
import { commandLine } from "../../../src/commands/command-line.ts";
import { type CommandNode, commandTree } from "../../../src/commands/shared/command-tree.ts";
import { readEnvironment } from "../../../src/config/environment.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { eventCatalogue } from "../../../src/events/catalogue.ts";
import { FakeProgram } from "../program.ts";
import { keysOf } from "./config-keys.ts";

/*
 * What documents name and what there is: commands and their options, configuration keys and their variables, endpoints, events.
 */

const root = commandTree(commandLine(new FakeProgram(), "1.2.3", () => {}));
const keys = keysOf(configSchema).map(({ path }) => path);

/** What is named in a document and does not exist. */
export function unknownNames(document: string): readonly string[] {
  const text = readFileSync(document, "utf8")
    .replaceAll(/<!-- made: [\s\S]*?<!-- end: /g, "")
    .replaceAll(/`[^`]+` \(which this version does not have/g, "");
  const blocks = [...text.matchAll(/^ *```[a-z]*\n([\s\S]*?)^ *```/gm)].map(([, code = ""]) => code);
  const spans = [...text.replaceAll(/^ *```[\s\S]*?^ *```/gm, "").matchAll(/`([^`]+)`/g)].map(
    ([, code = ""]) => code.replaceAll("\n", " "),
  );
  const lines = [...spans, ...blocks.flatMap((block) => block.split("\n"))];
  return [
    ...lines.flatMap(unknownCommands),
    ...spans.filter(isUnknownKey),
    ...lines.flatMap(unknownEndpoints),
    ...unknownVariables(text),
    ...unknownEvents(text),
  ];
}

/** `eim-pxe leases pin ADDRESS --name NAME`, at the beginning of a line or after `sudo` or `&&`; without comments. */
function unknownCommands(line: string): string[] {
  const [code = ""] = line.split(/(?:^|\s)(?:#|-- )/);
  return [...code.matchAll(/(?:^|&& )\s*(?:sudo )?eim-pxe((?: [^\s&|;#)]+)*)/g)].flatMap(
    ([, rest = ""]) => {
      const words = rest.split(" ").filter((word) => word !== "");
      return wrongWord(root, words) ? [`eim-pxe${rest}`] : [];
    },
  );
}

function wrongWord(node: CommandNode, words: readonly string[]): boolean {
  const [word = "", ...others] = words;
  // `allow\|deny\|once` in a table stands for each of them.
  const choices = word.replaceAll(/[\\[\]]/g, "").split("|");
  if (node.commands.length > 0 && /^\[?[a-z]/.test(word)) {
    const found = choices.map((name) => node.commands.find((one) => one.name === name));
    return found.some((one) => one === undefined || wrongWord(one, others));
  }
  const options = words.flatMap((one) => /^\[?(--[a-z0-9-]+)/.exec(one)?.[1] ?? []);
  const known = [...node.options.map(({ long }) => long), "--help", "--version"];
  return options.some((one) => !known.includes(one));
}

/** `boot.localBoot`, `interfaces[].dhcp.mode`, `dhcp.relayed` */
function isUnknownKey(span: string): boolean {
  const path = /^[a-z][A-Za-z]*(?:\[\])?(?:\.[a-z][A-Za-z0-9]*(?:\[\])?)+(?=$|:)/.exec(span)?.[0];
  if (path === undefined || /\.(ipxe|efi|kpxe|yaml|md|json|jsonl|ts|env|journal|crt|der|socket|service|pxe|test|pcap|js|id|io)$/.test(path)) {
    return false;
  }
  const [first = ""] = path.split(/[.[]/);
  const isOurs = keys.some((key) => key === first);
  const plain = (text: string) => text.replaceAll("[]", "");
  return (
    isOurs &&
    // Of a link's keys the documents name the last ones: `dhcp.pools`.
    !keys.some((key) => plain(key) === plain(path) || plain(key) === `interfaces.${plain(path)}`)
  );
}

/** `EIM_PXE_HTTP__PORT` */
function unknownVariables(text: string): readonly string[] {
  const names = text.match(/\bEIM_PXE_[A-Z0-9_]+/g) ?? [];
  return readEnvironment(Object.fromEntries(names.map((name) => [name, "1"]))).problems;
}

function unknownEndpoints(line: string): string[] {
  const paths = [...line.matchAll(/\/api\/v1\/[A-Za-z0-9_/{}<>:.-]*/g)].map(([path]) => path);
  return paths.filter((path) => {
    // `/api/v1/…` is all of them.
    if (path.endsWith("/")) return false;
    const parts = path.replace(/[/.]$/, "").split("/");
    return !Object.values(endpoints).some(({ url }) => {
      const names = url.split("/");
      return (
        names.length === parts.length &&
        names.every((name, at) => name.startsWith(":") || name === parts[at])
      );
    });
  });
}

/** "event `boot-stalled`", "events `download-waiting` and `download-admitted`" */
function unknownEvents(text: string): string[] {
  return [...text.matchAll(/\bevents?\s+((?:`[a-z0-9-]+`(?:, | and | or )?)+)/gi)]
    .flatMap(([, names = ""]) => [...names.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name))
    .filter((name) => !Object.hasOwn(eventCatalogue, name))
    .map((name) => `event ${name}`);
}
