import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseConfig } from "../config/load.ts";
import { configSchema } from "../config/schema.ts";
import { defaultConfigFile } from "../daemon/settings/settings.ts";
import { listen } from "../doctor/evidence/wire.ts";
import { replaceFile } from "../lib/atomic-file.ts";
import { ConfigError, errnoOf, messageOf } from "../lib/errors.ts";
import { chooseInterface } from "../net/interface-choice.ts";
import {
  interfaceNamed,
  type NetworkInterface,
  readInterfaces,
  type UsableInterface,
} from "../net/interfaces.ts";
import { withConfig } from "../events/own-commands.ts";
import { offersBoot } from "../pxe-client/wire/offers.ts";
import { type CaProposal, proposedPool, siteText } from "../setup/configuration-text.ts";
import { originUrls } from "../setup/origin-url.ts";
import { checkedCa, findOrigin, type OriginFound } from "./init-origin.ts";
import { hiddenFromService, unitFiles, unitProblems, writeUnits } from "./init-units.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { Questions } from "./shared/questions.ts";

export interface InitOptions {
  readonly interface: string | null;
  readonly mode: "proxy" | "full" | null;
  /** `A-B`. */
  readonly pool: string | null;
  /** A URL, or the orchestrator's domain. */
  readonly origin: string | null;
  readonly ca: CaProposal;
  readonly output: string | null;
  /** The folder of the units; null: none are written. */
  readonly systemd: string | null;
  readonly yes: boolean;
  readonly force: boolean;
}

/** `eim-pxe init`: looks at the site, asks the few real questions, and writes a configuration. */
export async function init(program: Program, options: InitOptions): Promise<number> {
  const file = resolve(options.output ?? defaultConfigFile);
  const units = options.systemd === null ? [] : unitFiles(options.systemd);
  refuseExisting([file, ...units], options.force);
  if (options.mode === "proxy" && options.pool !== null) {
    throw new ConfigError(["--pool has no effect with --mode proxy, which gives out no addresses"]);
  }
  const ca = checkedCa(options.ca);
  const questions = new Questions(program, options.yes);
  try {
    const say = (text: string) => program.out.write(`${text}\n`);
    const all = readInterfaces();
    const link = await askInterface(questions, all, options.interface);
    const heard = await hear(link, all);
    say(heard.told);
    const given = options.mode ?? (options.pool === null ? null : "full");
    const mode = given ?? (await askMode(questions, heard.mode));
    const pool = mode === "full" ? await askPool(questions, link, options.pool) : null;
    if (pool !== null) say(poolInWords(pool, link.name));
    const found = await askOrigin(program, questions, { ...options, ca }, say);
    const text = siteText({
      interface: link.name,
      address: link.address,
      subnet: link.subnet,
      mode,
      pool,
      origin: found?.url ?? null,
      ca: found === null ? ca : acceptedCa(found),
      isUnseen: found?.isUnseen ?? true,
    });
    parseConfig(text, file, {});
    await write(file, text);
    say(`\nWritten: ${file}`);
    if (options.systemd !== null) await addUnits(program, options.systemd, link.name, file, say);
    say(nextSteps(file, link.name, options.systemd !== null));
    return ExitCode.ok;
  } finally {
    questions.close();
  }
}

/** Before anything is asked: nobody wants to answer for nothing. */
function refuseExisting(files: readonly string[], force: boolean): void {
  const there = files.filter((file) => existsSync(file));
  if (there.length === 0 || force) return;
  throw new ConfigError(
    there.map((file) => `${file} is there already and stays as it is; to replace it add --force`),
  );
}

async function askInterface(
  questions: Questions,
  all: readonly NetworkInterface[],
  given: string | null,
): Promise<UsableInterface> {
  if (given !== null) return interfaceNamed(all, given);
  let proposal = "";
  try {
    proposal = chooseInterface(all);
  } catch (error) {
    // With several cards somebody has to say which.
    if (!(error instanceof ConfigError)) throw error;
    const [first = ""] = all.flatMap((one) =>
      !one.loopback && one.up && one.addresses.length > 0 ? [one.name] : [],
    );
    proposal = await questions.ask(`${messageOf(error)}.\nThe machines' interface?`, "", (name) =>
      all.some((one) => one.name === name) ? null : `There is none of this name, such as ${first}.`,
    );
    if (proposal === "") {
      throw new ConfigError([`${messageOf(error)}; for init: --interface ${first}`]);
    }
  }
  return interfaceNamed(all, proposal);
}

/** Who else is on the link, in words, and what that proposes. */
async function hear(
  link: UsableInterface,
  all: readonly NetworkInterface[],
): Promise<{ readonly told: string; readonly mode: "proxy" | "full" }> {
  const { name, address } = link;
  const asked = { name, address, mode: "proxy", ours: address } as const;
  const { offers, unheard, unasked } = await listen(asked, configSchema.parse({}), all, []);
  const why = unheard ?? unasked;
  if (why !== null) {
    const told = `Could not ask on ${name} for other DHCP servers (${why}), so mode proxy is proposed.`;
    return { told, mode: "proxy" };
  }
  const servers = [
    ...new Set(offers.filter((one) => one.address !== null).map(({ server }) => server)),
  ];
  const boots = [...new Set(offers.filter(offersBoot).map(({ server }) => server))];
  const dhcp =
    servers.length === 0
      ? `No DHCP server answers an unknown machine on ${name} (${address}): mode full is proposed, in which eim-pxe is it.`
      : `${servers.join(", ")} gives out addresses on ${name} (${address}): mode proxy is proposed, beside it.`;
  const other =
    boots.length === 0
      ? ""
      : `\n${boots.join(", ")} also says what to boot, and machines would follow either: take that away there ` +
        "(eim-pxe explain --other-server says how).";
  return { told: dhcp + other, mode: servers.length === 0 ? "full" : "proxy" };
}

async function askMode(
  questions: Questions,
  proposal: "proxy" | "full",
): Promise<"proxy" | "full"> {
  const answer = await questions.ask("Mode, proxy or full?", proposal, (text) =>
    text === "proxy" || text === "full" ? null : "proxy or full.",
  );
  return answer === "full" ? "full" : "proxy";
}

async function askPool(
  questions: Questions,
  { subnet, address }: UsableInterface,
  given: string | null,
): Promise<string | null> {
  if (given !== null) return given;
  const proposal = proposedPool(subnet, address) ?? "";
  const answer = await questions.ask(
    "Addresses to give out, FIRST-LAST, that nothing else on the link has?",
    proposal,
    (text) =>
      text === "" || /^[\d.]+-[\d.]+$/.test(text) ? null : "Two addresses with - between.",
  );
  return answer === "" ? null : answer;
}

/** Whoever takes what is proposed has to know what that is. */
function poolInWords(pool: string, link: string): string {
  return `Machines on ${link} are given the addresses ${pool}: nothing else there may have one of them. Others: --pool FIRST-LAST.`;
}

async function askOrigin(
  program: Program,
  questions: Questions,
  options: InitOptions,
  say: (text: string) => void,
): Promise<OriginFound | null> {
  const text =
    options.origin ??
    (await questions.ask(
      "The orchestrator's domain or URL (empty: not known yet)?",
      "",
      judgeOrigin,
    ));
  if (text === "") return null;
  const problem = judgeOrigin(text);
  if (problem !== null) throw new ConfigError([`--origin ${text}: ${problem}`]);
  const found = await findOrigin(originUrls(text), options.ca, program.environment);
  const { url, fetched } = found;
  if (found.problem === null) say(`${url} answers.`);
  else say(`${url} cannot be used now; it is written all the same:\n${found.problem}`);
  if (found.isUnseen && found.ca.file === null && found.ca.url === null) {
    say(
      "Its certificate could not be looked at. Run eim-pxe init --force when it answers, or name its CA (artifacts.ca).",
    );
  }
  if (fetched !== null) {
    say(`Its CA has the SHA-256 ${fetched.fingerprint}`);
    if (fetched.how === "first-use") {
      say(
        "Nobody vouches for it yet: compare this fingerprint with the orchestrator's operator, by telephone for example.",
      );
      const answer = await questions.ask("Is it the same, yes or no?", "yes", (word) =>
        word === "yes" || word === "no" ? null : "yes or no.",
      );
      if (answer === "no") {
        throw new ConfigError([
          `the CA of ${url} is not to be believed, so nothing was written; ask the orchestrator's operator for its ` +
            "certificate and give it by --ca-file",
        ]);
      }
    }
  }
  return found;
}

function judgeOrigin(text: string): string | null {
  return text === "" || originUrls(text).length > 0
    ? null
    : "It must be a domain, or a URL that ends in /tink-stack.";
}

/** What was fetched and accepted holds for this one certificate. */
function acceptedCa({ ca, fetched }: OriginFound): CaProposal {
  return fetched === null || fetched.how === "public"
    ? ca
    : { ...ca, sha256: fetched.fingerprint.replaceAll(":", "").toLowerCase() };
}

async function write(file: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    // The service's user reads it; there is nothing secret in it.
    await replaceFile(file, text, { mode: 0o644 });
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    throw new ConfigError([
      `${file} could not be written (${code}): run eim-pxe init as root, or name another file with --output`,
    ]);
  }
}

async function addUnits(
  program: Program,
  folder: string,
  name: string,
  configuration: string,
  say: (text: string) => void,
): Promise<void> {
  const site = { folder, interface: name, configuration, node: program.node };
  try {
    await writeUnits(site);
  } catch (error) {
    const code = errnoOf(error);
    if (code === null) throw error;
    throw new ConfigError([
      `the units in ${folder} could not be written (${code}): run eim-pxe init as root, with --force since ` +
        "the configuration is there now, or name another folder with --systemd FOLDER",
    ]);
  }
  say(`Written: ${unitFiles(folder).join(", ")}`);
  const hidden = hiddenFromService(site);
  if (hidden !== null) say(hidden);
  const problems = await unitProblems(folder);
  if (problems !== null) say(`systemd-analyze verify says of them:\n${problems}`);
}

function nextSteps(file: string, name: string, hasUnits: boolean): string {
  const start = hasUnits
    ? "  systemctl daemon-reload && systemctl enable --now eim-pxe"
    : "  eim-pxe serve";
  const steps = [
    "\nNext:",
    "  eim-pxe doctor             what is still in the way of a boot",
    "  eim-pxe sync               fetch the Micro-OS now, and see it being done",
    start,
    `  eim-pxe probe --interface ${name}   would a machine boot?`,
    "Register the machines at the orchestrator, set network boot (PXE, IPv4) first in their firmware, power them on.",
  ].join("\n");
  return withConfig(steps, file === defaultConfigFile ? null : file);
}
