/** What HTTP says about the version of a file (RFC 9110 8.8). */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A version of a file that is here already. */
export interface KnownVersion extends Validators {
  /** Another eim-pxe's entity tags are made of it. */
  readonly sha256?: string;
}

/** A version as one answer of the origin announced it. */
export interface SeenVersion extends Validators {
  /** When the origin gave that answer, by its own clock, in milliseconds since the epoch; null: not known. */
  readonly seenAtMs: number | null;
}

/** The beginning of a file that was fetched before. */
export interface Beginning {
  readonly bytes: number;
  readonly version: SeenVersion;
  /** Bytes of the whole file, as announced then; null when the origin did not say. */
  readonly size: number | null;
}

/** A date has whole seconds: of what was changed at the moment of the answer it does not tell which version it is. */
export const RECENT_MS = 2_000;

/** RFC 7232 2.2.2: after so long a time the clocks of file server and web server do not matter, either. */
const SETTLED_MS = 60_000;

/** RFC 9110 8.8.3: `W/"…"` promises no more than the same meaning. */
function strongTag(etag: string | null): string | null {
  return etag !== null && /^"[^"]*"$/.test(etag) ? etag : null;
}

/**
 * The validator that can vouch for a part of a file (RFC 9110 13.1.5): a strong entity tag, or a date
 * that was long past when it was given. Null where there is none: then a part cannot be continued.
 */
export function partValidator({ etag, lastModified, seenAtMs }: SeenVersion): string | null {
  const tag = strongTag(etag);
  if (tag !== null || etag !== null) return tag;
  const modifiedMs = readHttpDate(lastModified);
  if (modifiedMs === null || seenAtMs === null) return null;
  return seenAtMs - modifiedMs >= SETTLED_MS ? lastModified : null;
}

/** Whether an answer's own validators say that its part is of the version that the beginning is of (RFC 9110 15.3.7.3). */
export function isPartOf(version: SeenVersion, answer: Validators): boolean {
  const validator = partValidator(version);
  if (validator === null) return false;
  return version.etag === null
    ? answer.etag === null && answer.lastModified === validator
    : answer.etag === validator;
}

/**
 * Whether a version was changed in the very moment in which it was seen, so that its bytes may be another
 * version's, or of two, under the same validators. Web servers make entity tags of the same date.
 */
export function isRecent({ lastModified, seenAtMs }: SeenVersion): boolean {
  const modifiedMs = readHttpDate(lastModified);
  if (modifiedMs === null) return false;
  return seenAtMs === null || Math.abs(seenAtMs - modifiedMs) < RECENT_MS;
}

/** Whether it is the entity tag that another eim-pxe gives these bytes. */
export function isTagOf(sha256: string, { etag }: Validators): boolean {
  return etag === `"${sha256}"`;
}

/** Whether these validators belong to these bytes and to no others. */
export function identifies(version: SeenVersion, sha256: string): boolean {
  if (isTagOf(sha256, version)) return true;
  const isTold = strongTag(version.etag) !== null || version.lastModified !== null;
  return isTold && !isRecent(version);
}

/** Whether two answers tell of the same version, as far as their validators go. */
export function isSameVersion(a: Validators, b: Validators): boolean {
  const tag = strongTag(a.etag);
  if (tag !== null && strongTag(b.etag) !== null) return tag === b.etag;
  return a.etag === b.etag && a.lastModified === b.lastModified;
}

/** The one form of a date that is sent today (RFC 9110 5.6.7). `Date.parse` alone takes `-1` and `0.5` for years. */
const imfFixdate =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** A date of an HTTP header in milliseconds since the epoch; null where there is none that can be read. */
export function readHttpDate(value: string | null): number | null {
  const text = value?.trim() ?? "";
  const at = imfFixdate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}
