import { parseUuid } from "../boot/identity/uuid.ts";
import { writtenMac } from "../boot/machine-urls.ts";
import { type Mac, parseMac } from "../lib/mac.ts";

/* What machines ask for, as names in the asset folder. */

/** What is known of a machine that may have a folder of its own. */
export interface AssetMachine {
  readonly mac: Mac | null;
  readonly uuid: string | null;
  readonly serial: string | null;
}

/** A name that was asked for. */
export interface AssetName {
  /** Clean and relative: segments joined by `/`, none of them empty, `.` or `..`. */
  readonly path: string;
  /** The machine whose folder it begins with, in whatever form, and the rest; null: with none that is one. */
  readonly within: { readonly machine: AssetMachine; readonly rest: string } | null;
}

/** What a file system takes (PATH_MAX), and more than any client asks for. */
const maxCharacters = 4096;

/** A path as a name in the folder; null when it must be refused: it would leave the folder, or it is none. */
export function readAssetName(text: string): AssetName | null {
  if (text.length > maxCharacters || text.includes("\0") || text.endsWith("/")) return null;
  const segments = text.split("/");
  if (segments.includes("..")) return null;
  const named = segments.filter((segment) => segment !== "" && segment !== ".");
  const [first = "", ...others] = named;
  if (first === "") return null;
  const mac = parseMac(first);
  const uuid = mac === null ? parseUuid(first) : null;
  const isMachine = others.length > 0 && (mac !== null || uuid !== null);
  return {
    path: named.join("/"),
    within: isMachine ? { machine: { mac, uuid, serial: null }, rest: others.join("/") } : null,
  };
}

/** What the folder of a machine may be called: by its MAC in each form, its UUID, its serial number. */
export function machineFolders({ mac, uuid, serial }: AssetMachine): readonly string[] {
  const ofMac = mac === null || parseMac(mac) === null ? [] : macNames(mac);
  const ofUuid = uuid === null ? [] : [uuid, uuid.toUpperCase()];
  const ofSerial =
    serial === null || !isSegment(serial)
      ? []
      : [serial, serial.toLowerCase(), serial.toUpperCase()];
  return [...new Set([...ofMac, ...ofUuid, ...ofSerial])];
}

function macNames(mac: Mac): readonly string[] {
  const forms = (["dash", "colon", "none", "dot"] as const).map((form) => writtenMac(mac, form));
  return forms.flatMap((form) => [form, form.toUpperCase()]);
}

/** A serial number is what the machine says: it must name one folder, and nothing else. */
function isSegment(text: string): boolean {
  return text !== "" && text !== "." && text !== ".." && !/[/\0]/.test(text) && text.length <= 128;
}
