import { BlockList, isIP } from "node:net";

/*
 * NO_PROXY as curl reads it (curl 7.86 and later, lib/noproxy.c): names with all that is below them, addresses
 * and networks, separated by commas or blanks; `*` alone is everything.
 */

/** Whether a URL is asked directly although the environment names a proxy. */
export function isSpared(url: string, noProxy: string): boolean {
  if (noProxy === "*") return true;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return entriesOf(noProxy).some((entry) =>
    isIP(host) === 0 ? coversName(entry, host) : coversAddress(entry, host),
  );
}

/** What of NO_PROXY can never match, with what to write instead. */
export function idleEntries(noProxy: string): readonly { entry: string; instead: string }[] {
  if (noProxy === "*") return [];
  return entriesOf(noProxy).flatMap((entry) => {
    const instead = insteadOf(entry);
    return instead === null ? [] : [{ entry, instead }];
  });
}

function insteadOf(entry: string): string | null {
  if (entry === "*") return "* alone";
  if (entry.startsWith("*.")) return entry.slice(1);
  const bracketed = /^\[(.*)\](:\d+)?$/.exec(entry)?.[1];
  if (bracketed !== undefined) return bracketed;
  return /^[^:]+:\d+$/.test(entry) ? entry.replace(/:\d+$/, "") : null;
}

function entriesOf(noProxy: string): string[] {
  return noProxy
    .toLowerCase()
    .split(/[ \t,]+/)
    .filter((entry) => entry !== "");
}

function coversName(entry: string, host: string): boolean {
  const name = entry.replace(/\.$/, "").replace(/^\./, "");
  const asked = host.replace(/\.$/, "");
  return name !== "" && (asked === name || asked.endsWith(`.${name}`));
}

function coversAddress(entry: string, host: string): boolean {
  const [address = "", length] = entry.split("/", 2);
  const family = isIP(address);
  if (family === 0 || family !== isIP(host)) return false;
  const whole = family === 4 ? 32 : 128;
  // As there: what is no number counts for nothing, and nothing is the whole address.
  const bits = Number(/^\d+/.exec(length ?? "")?.[0] ?? 0);
  if (bits > whole) return false;
  const network = new BlockList();
  const type = family === 4 ? "ipv4" : "ipv6";
  network.addSubnet(address, bits === 0 ? whole : bits, type);
  return network.check(host, type);
}
