import { endpoints } from "../api/endpoints.ts";
import type { NodeReply } from "../api/nodes.ts";
import { ConfigError } from "../lib/errors.ts";
import { type Mac, parseMac } from "../lib/mac.ts";
import { type AdminClient, askPages, requireAdmin } from "./shared/admin-client.ts";
import { loadSettings } from "../daemon/settings/settings.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";
import { tableLines } from "./shared/table.ts";

/** `eim-pxe nodes list`: every machine that the server knows. */
export async function listNodes(program: Program, options: ReportOptions): Promise<number> {
  const settings = loadSettings(options.config, program.environment);
  const admin = await requireAdmin(settings);
  const pages = await askPages(admin, endpoints.listNodes);
  if (typeof pages === "string") return refused(program, pages);
  const nodes = pages.flatMap((page) => page.nodes);
  if (options.json) print(program, nodes);
  else program.out.write(nodes.length === 0 ? "No machine is known yet.\n" : table(nodes));
  return ExitCode.ok;
}

/** `eim-pxe nodes show MAC`: one of them. */
export async function showNode(
  program: Program,
  text: string,
  options: ReportOptions,
): Promise<number> {
  return withNode(
    program,
    text,
    options,
    (admin, mac) => admin.ask(endpoints.showNode, { params: { mac } }),
    sheet,
  );
}

/** `eim-pxe nodes forget MAC`: forgets which offer style its firmware accepted. */
export async function forgetNode(
  program: Program,
  text: string,
  options: ReportOptions,
): Promise<number> {
  return withNode(
    program,
    text,
    options,
    (admin, mac) => admin.ask(endpoints.changeNode, { params: { mac }, body: { way: null } }),
    ({ mac }) => `${mac} is answered as an unknown client from now on.\n`,
  );
}

async function withNode(
  program: Program,
  text: string,
  { config, json }: ReportOptions,
  ask: (admin: AdminClient, mac: Mac) => Promise<NodeReply | string>,
  inWords: (node: NodeReply) => string,
): Promise<number> {
  const mac = parseMac(text);
  if (mac === null) {
    throw new ConfigError([`${text}: must be a hardware address such as 08:00:27:29:4e:67`]);
  }
  const settings = loadSettings(config, program.environment);
  const admin = await requireAdmin(settings);
  const found = await ask(admin, mac);
  if (typeof found === "string") {
    refused(program, found);
    // The machine that was named is not known: a wrong argument.
    return ExitCode.badConfiguration;
  }
  if (json) print(program, found);
  else program.out.write(inWords(found));
  return ExitCode.ok;
}

function refused(program: Program, reason: string): number {
  program.err.write(`The server answered: ${reason}\n`);
  return ExitCode.fault;
}

function print(program: Program, value: object): void {
  program.out.write(`${JSON.stringify(value, null, program.outIsTerminal ? 2 : 0)}\n`);
}

function table(nodes: readonly NodeReply[]): string {
  const rows = nodes.map((one) => [
    one.mac,
    one.name ?? "-",
    one.address ?? "-",
    one.denied === null ? "allow" : "deny",
    one.boot === null ? "never seen" : `${one.boot.stage} (${one.boot.status})`,
    one.way ?? "-",
  ]);
  const head = ["MAC", "NAME", "ADDRESS", "NETBOOT", "LAST BOOT", "WAY"];
  return `${tableLines([head, ...rows]).join("\n")}\n`;
}

function sheet(one: NodeReply): string {
  const { boot } = one;
  const lines: readonly (readonly [string, string | null])[] = [
    ["MAC", one.mac],
    ["name", one.name],
    ["UUID", one.uuid],
    ["serial", one.serial],
    ["address", one.address],
    ["entry", one.hasEntry ? "yes" : "no entry matches it"],
    ["netboot", one.denied === null ? "allowed" : `denied: ${one.denied}`],
    [
      "answered",
      one.way === null ? "as an unknown client" : `${one.way}, since ${one.waySince ?? ""}`,
    ],
    [
      "last boot",
      boot === null ? "never seen" : `${boot.stage} (${boot.status}), ${boot.startedAt}`,
    ],
    ["diagnosis", boot?.diagnosis ?? null],
  ];
  const known = lines.filter(([, value]) => value !== null);
  return `${known.map(([name, value]) => `${name.padEnd(10)} ${value ?? ""}`).join("\n")}\n`;
}
