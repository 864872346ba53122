import { withoutTraceparent } from "../../boot/trace-context.ts";
import { type Mac, parseMac } from "../../lib/mac.ts";

/** A file name as a client may have meant it. */
export interface RequestedName {
  /**
   * Clean relative names to look up in this order: segments joined by `/`, none of them empty, `.` or
   * `..`, no backslash and no NUL.
   */
  readonly spellings: readonly string[];
  /**
   * Names of the same kind to look up after those; together at least one. They undo damage, and are safe
   * to try because only a name that exists matches.
   */
  readonly repairs: readonly string[];
  /** From a directory that is a hardware address (`08-00-27-29-4e-67/ipxe.efi`); null without one. */
  readonly mac: Mac | null;
}

/** RFC 1350 sets no limit; this leaves room for options in 512 bytes, which clients send at most. */
const MAX_NAME_CHARACTERS = 480;
/** Of what is between two slashes, as file systems have it. */
const MAX_SEGMENT_CHARACTERS = 255;

/** The scheme and host of a URL that was handed to a plain TFTP client as if it were a name. */
const URL_PREFIX = /^tftp:\/\/[^/]*\//i;

/** Bytes that no name of ours has and that firmware leaves there: controls, DEL and everything above ASCII. */
const DAMAGED = /[^\x20-\x7e]/;

/** A loader's name with something behind it that does not go on as a name would (`ipxe.efi.sig`). */
const LOADER_AND_MORE = /^.*\.(?:efi|ipxe|k{0,3}pxe|lkrn)(?=[^\w./-])/is;

/**
 * What a client asks for, as names to look up; null when the request must be refused: an empty or
 * over-long name, a NUL, or `..` anywhere. Case is kept, and tried in lower case last. Percent signs
 * mean nothing in TFTP and are left as they are.
 */
export function readRequestedName(raw: string): RequestedName | null {
  if (raw.length > MAX_NAME_CHARACTERS || raw.includes("\0")) return null;
  const segments = raw.replaceAll("\\", "/").replace(/^\/+/, "").replace(URL_PREFIX, "").split("/");
  // Judged before anything is cut off, so that no repair can turn a refused name into another one.
  if (segments.includes("..")) return null;
  if (segments.some(({ length }) => length > MAX_SEGMENT_CHARACTERS)) return null;
  const named = segments.filter((segment) => segment !== "" && segment !== ".");
  const mac = named.length > 1 ? parseMac(named[0] ?? "") : null;
  const name = (mac === null ? named : named.slice(1)).join("/");

  const spellings = withoutTrace([name]);
  const repairs = withoutTrace(repairsOf(name));
  if (spellings.length + repairs.length === 0) return null;
  const lowered = [...spellings, ...repairs].map((spelling) => spelling.toLowerCase());
  const further = new Set([...repairs, ...lowered]);
  return { spellings, repairs: [...further].filter((one) => !spellings.includes(one)), mac };
}

/** The names as they are and without a trace context, those that are confined. */
function withoutTrace(names: readonly string[]): string[] {
  const all = names.flatMap((name) => [name, withoutTraceparent(name)]);
  return [...new Set(all)].filter(isConfined);
}

/**
 * Firmware that takes DHCP option 67 for a NUL-terminated string reads on into the next option: it
 * asks for `ipxe.efi\xff` before End, for `ipxe.efia\x11` before option 97 of 17 bytes. So cut at the
 * first byte that cannot be a name's; the option's code and length in front of it may be printable.
 */
function repairsOf(name: string): string[] {
  const found: string[] = [];
  const damagedAt = name.search(DAMAGED);
  if (damagedAt !== -1) {
    for (const cut of [0, 1, 2]) found.push(name.slice(0, Math.max(0, damagedAt - cut)));
  }
  const loader = LOADER_AND_MORE.exec(name)?.[0];
  if (loader !== undefined) found.push(loader);
  return found;
}

function isConfined(name: string): boolean {
  return name.split("/").every((segment) => !["", ".", ".."].includes(segment));
}
