import { type Mac, parseMac } from "../lib/mac.ts";

/* URLs with a machine's MAC in them, as a site wants it written. */

/** How the MAC is written into a URL: `none` has no delimiter, `off` leaves it out. */
export const macForms = ["colon", "dash", "dot", "none", "off"] as const;
export type MacForm = (typeof macForms)[number];

/** `boot.macInUrls`: in URLs of the boot script, and in those of loaders. */
export interface MacInUrls {
  readonly script: MacForm;
  readonly loader: MacForm;
}

export const usualMacInUrls: MacInUrls = { script: "colon", loader: "colon" };

/** A MAC of six bytes as a part of a path; null where it is left out, or is none. */
export function macSegment(mac: Mac, form: MacForm): string | null {
  if (form === "off" || parseMac(mac) === null) return null;
  return writtenMac(mac, form);
}

/** A hardware address of any length in that form. */
export function writtenMac(mac: Mac, form: Exclude<MacForm, "off">): string {
  const digits = mac.replaceAll(":", "");
  switch (form) {
    case "colon":
      return mac;
    case "dash":
      return mac.replaceAll(":", "-");
    case "dot":
      return digits.match(/..../g)?.join(".") ?? mac;
    case "none":
      return digits;
  }
}

/** What iPXE puts in the place of a MAC that we do not know; it has no form with dots. */
const ipxeMac: { readonly [Form in MacForm]: string } = {
  colon: "${mac}",
  dash: "${mac:hexhyp}",
  dot: "${mac}",
  none: "${mac:hexraw}",
  off: "${mac}",
};

/** What a URL in the configuration may name of a machine. */
const placeholder = /\{([^{}]*)\}/g;
const known: ReadonlySet<string> = new Set(["mac", "uuid"]);

/** The placeholders of a URL that have no meaning, such as `{ip}`. */
export function unknownPlaceholders(url: string): readonly string[] {
  return [...url.matchAll(placeholder)].flatMap(([whole, name = ""]) =>
    known.has(name) ? [] : [whole],
  );
}

/**
 * A URL with the machine's MAC and UUID in the place of `{mac}` and `{uuid}`. What is not known is left to iPXE,
 * which knows it: the URL is for a script.
 */
export function filledUrl(
  url: string,
  machine: { readonly mac: Mac | null; readonly uuid: string | null },
  form: MacForm,
): string {
  const mac =
    machine.mac === null || parseMac(machine.mac) === null
      ? ipxeMac[form]
      : writtenMac(machine.mac, form === "off" ? "colon" : form);
  return url.replaceAll("{mac}", mac).replaceAll("{uuid}", machine.uuid ?? "${uuid}");
}
