import type { CheckLine } from "../doctor/check.ts";
import { checks, openSite, runChecks } from "../doctor/doctor.ts";
import { playOnLink } from "../doctor/evidence/link.ts";
import {
  firmwareLine,
  type LinkVerdict,
  linkVerdict,
  otherMachineLines,
} from "../doctor/link-check.ts";
import { clientPortFaults, interfaceFaults } from "../doctor/unplayed-link.ts";
import { BindError, ConfigError } from "../lib/errors.ts";
import { whoInWords } from "../lib/finding.ts";
import { readInterfaces, usability } from "../net/interfaces.ts";
import { withKnownNodes } from "../daemon/nodes/kept-hardware.ts";
import { configurationFile, loadSettings } from "../daemon/settings/settings.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { jsonWithConfig, withConfig } from "../events/own-commands.ts";

export interface DoctorOptions {
  readonly config: string | null;
  readonly interface: string | null;
  readonly json: boolean;
}

/**
 * `eim-pxe doctor`: what of this host, its links and the orchestrator would keep machines from booting. With
 * an interface alone: what the PXE servers of that link would do, whoever made them.
 */
export async function doctor(program: Program, options: DoctorOptions): Promise<number> {
  return options.config === null && options.interface !== null
    ? examineLink(program, options.interface, options.json)
    : examineSite(program, options);
}

async function examineSite(program: Program, options: DoctorOptions): Promise<number> {
  const { json, config: file } = options;
  const onLine = printer(program, json, file);
  let lines: readonly CheckLine[];
  try {
    const site = await openSite({
      settings: await withKnownNodes(loadSettings(file, program.environment)),
      file: configurationFile(file),
      environment: program.environment,
      interfaces: readInterfaces(),
      only: options.interface,
      now: () => Date.now(),
    });
    lines = await runChecks(site, checks, onLine);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    lines = error.problems.map(wrongConfiguration);
    for (const line of lines) onLine(line);
  }
  if (json) program.out.write(`${jsonWithConfig(JSON.stringify({ checks: lines }), file)}\n`);
  else program.out.write(`\n${summary(lines)}\n`);
  return exitCode(lines);
}

function wrongConfiguration(problem: string): CheckLine {
  return {
    id: "configuration",
    status: "fail",
    found: problem,
    remedy: "correct it; eim-pxe check lists every problem with line and column",
    code: "configuration-wrong",
    who: "site",
  };
}

async function examineLink(program: Program, name: string, json: boolean): Promise<number> {
  const print = printer(program, json, null);
  const lines: CheckLine[] = [];
  const tell = (line: CheckLine): void => {
    lines.push(line);
    print(line);
  };
  const verdict = await playedVerdict(program, name, json, tell);
  if (json) {
    program.out.write(`${JSON.stringify({ checks: lines, verdict: verdict ?? undefined })}\n`);
  } else if (verdict === null) program.out.write(`\n${summary(lines)}\n`);
  else {
    const { sentence, setting } = verdict;
    program.out.write(`\n${sentence}\n${setting === null ? "" : `\n${setting}\n`}`);
  }
  return exitCode(lines);
}

/** Tells how each kind of firmware fares; null where this host cannot play it, of which it tells the cause. */
async function playedVerdict(
  program: Program,
  name: string,
  json: boolean,
  tell: (line: CheckLine) => void,
): Promise<LinkVerdict | null> {
  const interfaces = readInterfaces();
  const judged = usability(interfaces, name);
  if (judged.kind === "unusable") {
    for (const line of await interfaceFaults(name, interfaces)) tell(line);
    return null;
  }
  const link = judged.found;
  if (!json) {
    program.out.write(
      `Playing four kinds of firmware on ${name} (${link.address}), as an unknown machine; it takes no lease.\n\n`,
    );
  }
  let uefiBoots = false;
  try {
    const evidence = await playOnLink(link, (played) => {
      uefiBoots ||= played.firmware === "uefi" && played.result.wouldBoot;
      tell(firmwareLine(played, uefiBoots));
    });
    for (const line of otherMachineLines(evidence)) tell(line);
    return linkVerdict(evidence);
  } catch (error) {
    if (!(error instanceof BindError)) throw error;
    for (const line of await clientPortFaults(link, error)) tell(line);
    return null;
  }
}

/** Prints lines for people as they come; with `--json` nothing before the end. */
function printer(
  program: Program,
  json: boolean,
  config: string | null,
): (line: CheckLine) => void {
  return ({ id, status, found, remedy, who }) => {
    if (json) return;
    const todo = remedy === null ? "" : `\n      to do (${whoInWords[who ?? "site"]}): ${remedy}`;
    const text = `${status.padEnd(4)}  ${id}: ${found}${todo}\n`;
    program.out.write(withConfig(text, config));
  };
}

function summary(lines: readonly CheckLine[]): string {
  const failed = lines.filter(({ status }) => status === "fail").length;
  const warned = lines.filter(({ status }) => status === "warn").length;
  const warnings = warned === 0 ? "" : `; ${warned} to look at`;
  return failed === 0
    ? `Nothing is in the way of a boot${warnings}.`
    : `${failed} ${failed === 1 ? "thing keeps" : "things keep"} machines from booting${warnings}.`;
}

function exitCode(lines: readonly CheckLine[]): number {
  return lines.some(({ status }) => status === "fail") ? ExitCode.notBooted : ExitCode.ok;
}
