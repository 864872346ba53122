import { resolve } from "node:path";
import { exportGeneration, stageImport } from "../artifacts/store/bundle.ts";
import { generationAt } from "../artifacts/store/generation.ts";
import { parseManifest } from "../artifacts/store/manifest.ts";
import { mirroredFiles } from "../config/schema.ts";
import { printable } from "../lib/bytes.ts";
import { SyncError } from "../lib/errors.ts";
import type { ArtifactsReply, AssetsReply, LoaderReply } from "../api/artifacts.ts";
import { type ArtifactAccess, openArtifacts } from "./artifacts-access.ts";
import { artifactFolder } from "../daemon/content/mirror.ts";
import { loadSettings, type Settings } from "../daemon/settings/settings.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";
import { sizeInWords } from "./shared/progress.ts";
import { withConfig } from "../events/own-commands.ts";

/* `eim-pxe artifacts …`: the generations in the data folder. */

export function listArtifacts(program: Program, options: ReportOptions): Promise<number> {
  return withArtifacts(program, options, async (artifacts) => {
    const listing = await artifacts.list();
    const text = options.json ? `${JSON.stringify(listing)}\n` : asText(listing);
    program.out.write(withConfig(text, options.json ? null : options.config));
  });
}

/** Reads every byte of every generation again. */
export function verifyArtifacts(program: Program, options: ReportOptions): Promise<number> {
  return withArtifacts(program, options, async (artifacts) => {
    const damaged = await artifacts.verify();
    const { generations } = await artifacts.list();
    if (options.json) program.out.write(`${JSON.stringify({ damaged })}\n`);
    const problems = Object.entries(damaged);
    if (problems.length > 0) {
      const lines = problems.map(([id, reason]) => `${id}: ${reason}`);
      throw new SyncError(
        `${lines.join("\n")}\nThey are no longer served; the next synchronisation fetches them again. ` +
          "If this happens again, check the disk.",
      );
    }
    if (options.json) return;
    const found =
      generations.length === 0
        ? "There is no generation to verify yet; run: eim-pxe sync"
        : `Whole: ${generations.map(({ id }) => id).join(", ")}.`;
    program.out.write(`${withConfig(found, options.config)}\n`);
  });
}

/** Serves this generation from now on, or the newest again (`latest`). */
export function pinArtifacts(
  program: Program,
  generation: string,
  options: ReportOptions,
): Promise<number> {
  return withArtifacts(program, options, async (artifacts) => {
    await artifacts.pin(generation === "latest" ? null : generation);
    report(program, options, await artifacts.list());
  });
}

/** Serves the generation before the one that is served. */
export function rollBackArtifacts(program: Program, options: ReportOptions): Promise<number> {
  return withArtifacts(program, options, async (artifacts) => {
    const { current, generations } = await artifacts.list();
    const at = generations.findIndex(({ id }) => id === current);
    const before = at === -1 ? undefined : generations[at + 1];
    if (before === undefined) {
      throw new SyncError(
        "there is no older generation; artifacts.keepGenerations says how many stay",
      );
    }
    await artifacts.pin(before.id);
    report(program, options, await artifacts.list());
  });
}

/** Writes the generation that is served to a folder or a tar file. */
export function exportArtifacts(
  program: Program,
  target: string,
  options: ReportOptions,
): Promise<number> {
  return withArtifacts(program, options, async (artifacts, settings) => {
    const { current, generations } = await artifacts.list();
    const found = generations.find(({ id }) => id === current);
    if (found === undefined)
      throw new SyncError("there is nothing to export yet; run: eim-pxe sync");
    const manifest = parseManifest(JSON.stringify(found.manifest));
    if (manifest === null) throw new SyncError(`the manifest of ${found.id} is damaged`);
    const directory = resolve(artifactFolder(settings.config), "generations", found.id);
    await exportGeneration(generationAt(directory, found.id, manifest), target);
    program.out.write(
      options.json
        ? `${JSON.stringify({ generation: found.id, target })}\n`
        : `Generation ${found.id} was written to ${target}.\n`,
    );
  });
}

/** Makes a generation of a folder or a tar file. */
export function importArtifacts(
  program: Program,
  source: string,
  options: ReportOptions,
): Promise<number> {
  return withArtifacts(program, options, async (artifacts, { config }) => {
    const word = await stageImport(artifactFolder(config), source, {
      names: mirroredFiles(config),
      isRoot: program.isRoot,
    });
    await artifacts.adopt(word);
    report(program, options, await artifacts.list());
  });
}

/** Works with the generations, and says what cannot be done. */
export async function withArtifacts(
  program: Program,
  options: ReportOptions,
  work: (artifacts: ArtifactAccess, settings: Settings) => Promise<void>,
): Promise<number> {
  const settings = loadSettings(options.config, program.environment);
  try {
    const artifacts = await openArtifacts(program, settings, "artifacts");
    try {
      await work(artifacts, settings);
    } finally {
      await artifacts.close();
    }
    return ExitCode.ok;
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    program.err.write(`${withConfig(error.message, options.config)}\n`);
    return ExitCode.syncFailed;
  }
}

const nothingYet = "There is no generation yet; run: eim-pxe sync";

function report(program: Program, { config, json }: ReportOptions, listing: ArtifactsReply): void {
  const { current, pinned } = listing;
  const how =
    pinned === null
      ? "the newest is served"
      : "pinned; to serve the newest again: eim-pxe artifacts pin latest";
  const text = current === null ? nothingYet : `Generation ${current} (${how}).`;
  program.out.write(`${json ? JSON.stringify(listing) : withConfig(text, config)}\n`);
}

function asText(listing: ArtifactsReply): string {
  const loaders = listing.loaders.map(
    ({ name, path, size, facts }) =>
      `  ${sizeInWords(size).padStart(10)}  ${name}  ${describe(facts)}  ${path}\n`,
  );
  const head = `${generationsAsText(listing)}Loaders:${loaders.length === 0 ? " none" : ""}\n`;
  return `${head}${loaders.join("")}${assetsAsText(listing.assets)}`;
}

/** More are told by `--json`. */
const shownAssets = 50;

function assetsAsText(assets: AssetsReply | null): string {
  if (assets === null) return "";
  const { directory, files, more, listed, passedOver, problem } = assets;
  if (problem !== null)
    return `Assets (${directory}): nothing is handed out: ${problem}; make the folder, or correct assets.directory\n`;
  const lines = listed
    .slice(0, shownAssets)
    .map(({ path, size }) => `  ${sizeInWords(size).padStart(10)}  ${printable(path, 512)}\n`);
  const others = files - lines.length;
  const rest = others > 0 ? [`  … and ${others} more\n`] : [];
  const unserved = passedOver.map(
    ({ path, why }) => `  not handed out: ${printable(path, 512)}: ${why}\n`,
  );
  const count = `${more ? "more than " : ""}${files} ${files === 1 ? "file" : "files"}`;
  return [`Assets (${directory}): ${count}\n`, ...lines, ...rest, ...unserved].join("");
}

/** `EFI x86-64, signed (Microsoft UEFI CA 2023), iPXE 1.21.1, brings a script` */
function describe(facts: LoaderReply["facts"]): string {
  const { format, machine, signed, signedBy, ipxeVersion, embedded } = facts;
  const by = signedBy.length === 0 ? "" : ` (${signedBy.join(", ")})`;
  return [
    format === "efi" ? `EFI ${machine ?? "of an unknown machine"}` : "BIOS",
    ...(format === "efi" ? [signed ? `signed${by}` : "not signed"] : []),
    ...(ipxeVersion === null ? [] : [`iPXE ${ipxeVersion}`]),
    ...(embedded === null
      ? []
      : [embedded === "script" ? "brings a script" : "takes SMEE's patch"]),
  ].join(", ");
}

function generationsAsText({ current, pinned, generations }: ArtifactsReply): string {
  if (generations.length === 0) return `${nothingYet}\n`;
  return generations
    .map(({ id, manifest: { origin, createdAt, files } }) => {
      const marks = [id === current ? "served" : "", id === pinned ? "pinned" : ""];
      const head = [id, ...marks.filter((mark) => mark !== "")].join("  ");
      const lines = files.map(
        ({ name, size, sha256 }) => `  ${sizeInWords(size).padStart(10)}  ${sha256}  ${name}`,
      );
      return [`${head}  ${createdAt}  ${origin}`, ...lines, ""].join("\n");
    })
    .join("");
}
