import type { BootDetailReply } from "../api/boots.ts";
import { endpoints } from "../api/endpoints.ts";
import { loadSettings } from "../daemon/settings/settings.ts";
import { whoInWords } from "../lib/finding.ts";
import { parseMac } from "../lib/mac.ts";
import { type AdminClient, requireAdmin } from "./shared/admin-client.ts";
import { bootLines } from "./shared/boot-lines.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";
import { tableLines } from "./shared/table.ts";

export interface ExplainBootOptions extends ReportOptions {
  /** A boot's id, or a machine's hardware address, which stands for its last boot. */
  readonly boot: string;
}

/**
 * `eim-pxe explain --boot`: how far a boot came, why it went no further, and everything that the machine was given, with
 * the SHA-256 of what was sent. As JSON it is what `GET /api/v1/boots/{id}` answers.
 *
 * @throws UnreachableError when no server runs
 */
export async function explainBoot(program: Program, options: ExplainBootOptions): Promise<number> {
  const admin = await requireAdmin(loadSettings(options.config, program.environment));
  const found = await bootNamed(admin, options.boot);
  if (typeof found === "string") {
    program.err.write(`The server answered: ${found}\n`);
    return ExitCode.badConfiguration;
  }
  program.out.write(
    options.json
      ? `${JSON.stringify(found, null, program.outIsTerminal ? 2 : 0)}\n`
      : `${inWords(found).join("\n")}\n`,
  );
  return ExitCode.ok;
}

/** Or what is wrong. */
async function bootNamed(admin: AdminClient, name: string): Promise<BootDetailReply | string> {
  const mac = parseMac(name);
  if (mac === null) return admin.ask(endpoints.showBoot, { params: { id: name } });
  const last = await admin.ask(endpoints.listBoots, { query: { mac, latest: "true" } });
  if (typeof last === "string") return last;
  const [boot] = last.boots;
  if (boot === undefined) return `no boot of ${mac} is kept`;
  return admin.ask(endpoints.showBoot, { params: { id: boot.id } });
}

function inWords(boot: BootDetailReply): readonly string[] {
  const { mac, name, serial, uuid, address, generation, diagnosis } = boot;
  const known: readonly (readonly [string, string | null])[] = [
    ["boot", boot.id],
    ["machine", mac === null ? address : name === null ? mac : `${mac} (${name})`],
    ["serial", serial],
    ["UUID", uuid],
    ["server", boot.server],
    ["began", boot.startedAt],
    ["status", `${boot.status}, at stage ${boot.stage}`],
    ["generation", generation],
    ["diagnosis", diagnosis === null ? null : `${diagnosis.cause} (${diagnosis.code})`],
    ["to do", diagnosis === null ? null : `(${whoInWords[diagnosis.who]}) ${diagnosis.remedy}`],
  ];
  const head = known.flatMap(([what, value]) =>
    value === null ? [] : [`${what.padEnd(10)} ${value}`],
  );
  return [...head, ...bootLines(boot), "", ...manifest(boot)];
}

/** The files that the machine was sent to their last byte, oldest first. */
function manifest({ given }: BootDetailReply): readonly string[] {
  if (given.length === 0) return ["It was given no file to its last byte."];
  const rows = given.map(({ at, sha256, file, certainty }) => [
    at,
    sha256 ?? "not verified: of the site's own folder",
    certainty === "proved" ? file : `${file} (to somebody who named this machine)`,
  ]);
  return [
    "It was given, each with the SHA-256 of what was sent:",
    ...tableLines([["AT (UTC)", "SHA-256", "FILE"], ...rows]),
  ];
}
