import { endpoints } from "../api/endpoints.ts";
import type { NodeReply } from "../api/nodes.ts";
import { identityOf } from "../boot/identity/identity.ts";
import type { Netboot } from "../boot/node.ts";
import { replaceFile } from "../lib/atomic-file.ts";
import { ConfigError, messageOf } from "../lib/errors.ts";
import { isCardAddress, type Mac, macToBytes, parseMac } from "../lib/mac.ts";
import { toOrchestratorCsv } from "../nodes/orchestrator-csv.ts";
import { type AdminClient, askPages, requireAdmin, userOf } from "./shared/admin-client.ts";
import { loadSettings } from "../daemon/settings/settings.ts";
import { bootLines, givenLines } from "./shared/boot-lines.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";
import { tableLines } from "./shared/table.ts";

/** `eim-pxe nodes list`: every machine that the server knows. */
export async function listNodes(
  program: Program,
  options: ReportOptions & { readonly status: NodeReply["status"] | null },
): Promise<number> {
  const admin = await adminOf(program, options);
  const { status } = options;
  const pages = await askPages(admin, endpoints.listNodes, status === null ? {} : { status });
  if (typeof pages === "string") return refused(program, pages);
  const nodes = pages.flatMap((page) => page.nodes);
  if (options.json) print(program, nodes);
  else if (nodes.length > 0) program.out.write(table(nodes));
  else {
    const none = status === null ? "No machine is known yet." : `No machine is ${status}.`;
    program.out.write(`${none}\n`);
  }
  return ExitCode.ok;
}

/** What `nodes allow`, `deny` and `once` do: `text` is a MAC address, a UUID or a serial number, with `*` and `?` where it is for many. */
export async function decideOnNode(
  program: Program,
  netboot: Netboot,
  text: string,
  options: ReportOptions & { readonly name: string | null },
): Promise<number> {
  const { kind, value } = identityOf(text);
  const { json, name } = options;
  const change = { netboot, ...(name === null ? {} : { name }) };
  const admin = await adminOf(program, options);
  const decided = await admin.ask(endpoints.decide, { body: { kind, value, ...change } });
  if (typeof decided === "string") return refused(program, decided);
  if (json) print(program, decided);
  else program.out.write(`${named[kind]} ${value} ${inWords[netboot]}.\n`);
  return ExitCode.ok;
}

const named = { mac: "The machine", uuid: "The machine", serial: "The machine with serial number" };
const inWords = {
  allow: "may boot from the network",
  deny: "may not boot from the network, and goes on to its disk",
  once: "may boot until it has reached the Micro-OS, and goes on to its disk after that",
};

/** `eim-pxe nodes export --csv`: the machines that were seen, as the orchestrator's import file. */
export async function exportNodes(
  program: Program,
  options: ReportOptions & { readonly output: string | null },
): Promise<number> {
  const admin = await adminOf(program, options);
  const pages = await askPages(admin, endpoints.listNodes);
  if (typeof pages === "string") return refused(program, pages);
  const seen = pages.flatMap(({ nodes }) => nodes).filter(({ boot }) => boot !== null);
  const { csv, rows, leftOut } = toOrchestratorCsv(seen);
  for (const line of leftOut) program.err.write(`${line}\n`);
  if (options.json) {
    print(program, { rows, leftOut });
    return ExitCode.ok;
  }
  if (options.output === null) program.out.write(csv);
  else {
    await replaceFile(options.output, csv).catch((error: unknown) => {
      throw new ConfigError([`${options.output}: cannot be written: ${messageOf(error)}`]);
    });
    program.out.write(`${rows.length} machines were written to ${options.output}.\n`);
  }
  return ExitCode.ok;
}

function adminOf(program: Program, { config }: ReportOptions): Promise<AdminClient> {
  const settings = loadSettings(config, program.environment);
  return requireAdmin({ ...settings, user: userOf(program) });
}

/** `eim-pxe nodes show MAC`: one of them, with the timeline of its last boot. */
export async function showNode(
  program: Program,
  text: string,
  options: ReportOptions,
): Promise<number> {
  let lines: readonly string[] = [];
  return withNode(
    program,
    text,
    options,
    async (admin, mac) => {
      const node = await admin.ask(endpoints.showNode, { params: { mac } });
      const last = await admin.ask(endpoints.listBoots, { query: { mac, latest: "true" } });
      const [boot] = typeof last === "string" ? [] : last.boots;
      if (boot === undefined) return node;
      const detail = await admin.ask(endpoints.showBoot, { params: { id: boot.id } });
      lines = [...bootLines(boot), ...(typeof detail === "string" ? [] : givenLines(detail))];
      return node;
    },
    (node) => [sheet(node), ...lines.map((line) => `${line}\n`)].join(""),
  );
}

/** `eim-pxe nodes wake MAC`: switches a machine on by Wake-on-LAN. */
export async function wakeNode(
  program: Program,
  text: string,
  options: ReportOptions,
): Promise<number> {
  const mac = macOf(text);
  if (!isCardAddress(macToBytes(mac), true)) {
    throw new ConfigError([
      `${text}: must be the address of one network card, not of a group of them`,
    ]);
  }
  const admin = await adminOf(program, options);
  const reply = await admin.ask(endpoints.wakeNode, { params: { mac } });
  if (typeof reply === "string") return refused(program, reply);
  for (const { interface: name, reason } of reply.failed) {
    program.err.write(`Nothing could be sent on ${name}: ${reason}\n`);
  }
  if (options.json) print(program, reply);
  else {
    const links = reply.sent.map(({ interface: name }) => name).join(", ");
    const why = reply.isKnown ? "" : " (nothing says on which link it is)";
    program.out.write(
      `A magic packet for ${mac} was sent on ${links}${why}. If the machine wakes, eim-pxe watch shows its boot.\n`,
    );
  }
  return ExitCode.ok;
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
  options: ReportOptions,
  ask: (admin: AdminClient, mac: Mac) => Promise<NodeReply | string>,
  shown: (node: NodeReply) => string,
): Promise<number> {
  const mac = macOf(text);
  const admin = await adminOf(program, options);
  const found = await ask(admin, mac);
  if (typeof found === "string") {
    refused(program, found);
    // The machine that was named is not known: a wrong argument.
    return ExitCode.badConfiguration;
  }
  if (options.json) print(program, found);
  else program.out.write(shown(found));
  return ExitCode.ok;
}

function macOf(text: string): Mac {
  const mac = parseMac(text);
  if (mac !== null) return mac;
  throw new ConfigError([`${text}: must be a hardware address such as 08:00:27:29:4e:67`]);
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
    netbootOf(one),
    one.boot === null ? "never seen" : `${one.boot.stage} (${one.boot.status})`,
    one.boot === null ? "-" : one.boot.startedAt.slice(0, 19),
    one.way ?? "-",
  ]);
  const head = ["MAC", "NAME", "ADDRESS", "NETBOOT", "LAST BOOT", "STARTED (UTC)", "WAY"];
  return `${tableLines([head, ...rows]).join("\n")}\n`;
}

function netbootOf({ status, netboot, onceUsedAt }: NodeReply): string {
  if (status === "waiting") return "waiting";
  if (netboot === "once") return onceUsedAt === null ? "once" : "once (used)";
  return status === "denied" ? "deny" : "allow";
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
    ["waiting", one.waitingSince === null ? null : `since ${one.waitingSince}`],
    ["decided", one.decidedBy === null ? null : `${one.decidedAt ?? ""}, ${one.decidedBy}`],
    ["once", one.onceUsedAt === null ? null : `it reached the Micro-OS on ${one.onceUsedAt}`],
    ["to disk", one.localBoot === null ? null : `${one.localBoot} worked`],
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
