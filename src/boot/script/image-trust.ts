import { SyncError } from "../../lib/errors.ts";
import { keepError, report } from "./failure-report.ts";
import type { ScriptCommand, ScriptWord } from "./ipxe-syntax.ts";

/*
 * Signatures that iPXE itself checks (`imgverify`, https://ipxe.org/cmd/imgverify): a site's own certificate is built into its
 * loader, and `eim-pxe artifacts sign` makes the signatures. Most builds of iPXE lack the command.
 */

/** `boot.imgverify`. */
export const imageTrustSettings = ["auto", "required", "off"] as const;
export type ImageTrustSetting = (typeof imageTrustSettings)[number];

/**
 * What a script does about signatures: nothing; has iPXE check them where it has the command, and says where it has not;
 * or starts nothing that was not checked.
 */
export type ImageTrust = "none" | "where-possible" | "required";

/** How the reason begins for which a machine gets no script where only what is signed may start. */
export const UNSIGNED =
  "boot.imgverify is required, and nobody has signed the generation that is served";

export function imageTrustOf(setting: ImageTrustSetting, isSigned: boolean): ImageTrust {
  if (setting === "required") return "required";
  return setting === "auto" && isSigned ? "where-possible" : "none";
}

/** The stages that a script reports about signatures; each names the file, or the lack of the command. */
export const trustStages = {
  /** iPXE lacks the command, and goes on. */
  unchecked: "not-verified",
  /** iPXE lacks the command, and may not go on. */
  incapable: "cannot-verify",
  /** iPXE did not believe the signature of a file. */
  refused: "signature-refused",
} as const;

/** A file that the script fetches, as the script writes it. */
interface FetchedImage {
  readonly name: string;
  readonly url: string;
}

const fetching: ReadonlySet<string> = new Set(["imgfetch", "module", "initrd", "kernel"]);
const startingElsewhere: ReadonlySet<string> = new Set(["chain", "imgexec"]);
const served = "${download-url}/";

/**
 * The lines ahead of `boot` that have each fetched file checked. `imgtrust` fails only where the command is missing, so that
 * a loader that lacks it is told from a signature that does not hold.
 *
 * @throws SyncError when the script is not of a form in which all that is started can be checked
 */
export function trustLines(
  commands: readonly ScriptCommand[],
  trust: ImageTrust,
  eventsUrl: string | null,
): readonly string[] {
  if (trust === "none") return [];
  const say = (stage: string, message: string) =>
    eventsUrl === null ? [] : report(eventsUrl, stage, message);
  const lack =
    trust === "required"
      ? [
          keepError,
          "echo eim-pxe: this iPXE has no imgverify, and nothing may start here that was not checked",
          ...say(trustStages.incapable, "no-imgverify"),
          "goto eim-failed",
        ]
      : [
          "echo eim-pxe: this iPXE has no imgverify, so the signatures of the Micro-OS are not checked",
          ...say(trustStages.unchecked, "no-imgverify"),
          "goto eim-checked",
        ];
  return [
    "imgtrust --permanent && goto eim-check ||",
    ...lack,
    ":eim-check",
    ...fetchedImages(commands).flatMap(({ name, url }) => [
      `set eim-image ${name}`,
      `imgverify ${name} ${url}.sig || goto eim-untrusted`,
    ]),
    "goto eim-checked",
    ":eim-untrusted",
    keepError,
    "echo eim-pxe: ${eim-image} is not what was signed for this site (${eim-errno})",
    ...say(trustStages.refused, "${eim-image:uristring}"),
    "goto eim-failed",
    ":eim-checked",
  ];
}

function fetchedImages(commands: readonly ScriptCommand[]): readonly FetchedImage[] {
  const images = new Map<string, FetchedImage>();
  for (const { words } of commands) {
    const [command] = words;
    if (command !== undefined && startingElsewhere.has(command.text)) {
      throw unknownForm(`it starts something by ${command.text}`);
    }
    if (command === undefined || !fetching.has(command.text)) continue;
    const image = imageOf(words.slice(1));
    if (image === null) throw unknownForm(`a line with ${command.text} names no file`);
    if (!image.url.startsWith(served)) throw unknownForm(`it fetches ${image.url} from elsewhere`);
    images.set(image.name, image);
  }
  if (images.size === 0) throw unknownForm("it fetches nothing");
  return [...images.values()];
}

/** Of a command's arguments; iPXE calls a file as the last part of its URL where it is not told a name. */
function imageOf(words: readonly ScriptWord[]): FetchedImage | null {
  let name: string | null = null;
  for (let at = 0; at < words.length; at += 1) {
    const text = words[at]?.text ?? "";
    if (text === "--name" || text === "-n") name = words[(at += 1)]?.text ?? null;
    else if (text === "--timeout" || text === "-t") at += 1;
    else if (text.startsWith("--name=")) name = text.slice("--name=".length);
    else if (!text.startsWith("-")) return { name: name ?? lastPart(text), url: text };
  }
  return null;
}

/** A slash within a setting's name (`${net0/mac}`) separates nothing. */
function lastPart(url: string): string {
  const covered = url.replace(/\$\{[^}]*\}/g, (setting) => "_".repeat(setting.length));
  return url.slice(covered.lastIndexOf("/") + 1).replace(/[?#].*$/, "");
}

export function unknownForm(why: string): SyncError {
  return new SyncError(
    `boot.ipxe cannot be made to check signatures (boot.imgverify): ${why}. Compare it with the one described in the ` +
      "documentation; until that is settled, boot.imgverify: off has machines boot without checks.",
  );
}
