import { parseIp4 } from "../lib/ip4.ts";

/* What the fields of Tinkerbell's `Hardware` objects say, in the form of the nodes file. */

/** What a field of an object has. */
export type Text = string | null | undefined;

export function orNull(value: Text): string | null {
  return value == null || value === "" ? null : value;
}

/** What would break a line of a script is not looked at, as what SMEE cannot read is not. */
export function line(value: Text): string | null {
  return value != null && /^[ -~]+$/.test(value) ? value : null;
}

export function word(value: Text): string | null {
  return value != null && /^[!-~]+$/.test(value) ? value : null;
}

export function webUrl(value: Text): string | null {
  return value != null && /^https?:\/\/[^/]/.test(value) && URL.canParse(value) ? value : null;
}

export function hostName(value: Text): string | null {
  return value != null && /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value)
    ? value
    : null;
}

/** Only IPv4 is served; a record may well have IPv6 besides. */
export function ipOf(address: Text, netmask: Text, gateway: Text): object {
  if (address == null || parseIp4(address) === null) return {};
  const router = gateway != null && parseIp4(gateway) !== null ? gateway : null;
  return { address, netmask: orNull(netmask), router };
}

/** Name servers may be names or IPv6 addresses, which options 6 and 42 cannot carry. */
export function addresses(values: readonly string[] | null | undefined): string[] | null {
  const found = (values ?? []).filter((value) => parseIp4(value) !== null);
  return found.length === 0 ? null : found;
}

export function positive(value: number | null | undefined): number | null {
  if (value == null || value === 0) return null;
  // SMEE's value for one that does not fit.
  return Number.isInteger(value) && value > 0 && value <= 0xffffffff ? value : 604_800;
}

export function words(values: readonly string[] | null | undefined): string[] {
  return (values ?? []).flatMap((value) => value.split(/\s+/).filter((one) => one !== ""));
}

export function bootOptions(server: Text, file: Text): object[] {
  return [
    ...(orNull(server) === null ? [] : [{ code: 66, text: server }]),
    ...(orNull(file) === null ? [] : [{ code: 67, text: file }]),
  ];
}

/** `24` → `255.255.255.0`; as it is when it is no prefix length, so that the check says so. */
export function netmaskOf(prefix: Text): string | null {
  if (prefix == null || prefix === "") return null;
  const length = Number(prefix);
  if (!Number.isInteger(length) || length < 0 || length > 32) return prefix;
  const bits = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".");
}
