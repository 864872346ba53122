/** The one form of a date that is sent today (RFC 9110 5.6.7). `Date.parse` alone takes `-1` and `0.5` for years. */
const imfFixdate =
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** A date of an HTTP header in milliseconds since the epoch; null where there is none that can be read. */
export function readHttpDate(value: string | null): number | null {
  const text = value?.trim() ?? "";
  const at = imfFixdate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}
