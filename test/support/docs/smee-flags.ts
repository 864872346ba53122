import { readFileSync } from "node:fs";
import { z } from "zod";
import { flagRows } from "../../../src/setup/smee/flags.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { keysOf } from "./config-keys.ts";

const keys = new Set(keysOf(configSchema).map(({ path }) => path));

/** SMEE's flags by its lines; see test/fixtures/README.md. */
export const smeeFlagNames = z
  .record(z.string(), z.array(z.string()))
  .parse(JSON.parse(readFileSync("test/fixtures/smee-flags.json", "utf8")));

/** Whether a flag is for IPv6 only. */
export function isForIpv6(flag: string): boolean {
  return /-v6$|^dhcpv6-|-ipv6$/.test(flag);
}

/** Each flag of SMEE for IPv4 or both, and where it went. */
export function smeeFlags(): string {
  const rows = flagRows.map(
    ({ flags, where }) =>
      `| ${flags.map((flag) => `\`${flag}\``).join(", ")} | ${withMissing(where).replaceAll("{mac}", "`{mac}`")} |`,
  );
  return ["| flag | where it went |", "|---|---|", ...rows].join("\n");
}

/** Those for IPv6, in the order of the alphabet. */
export function ipv6Flags(): string {
  const all = new Set(Object.values(smeeFlagNames).flat().filter(isForIpv6));
  return `${[...all]
    .toSorted()
    .map((flag) => `\`${flag}\``)
    .join(", ")}.`;
}

/** A flag's place with a word on each key of ours that is yet to come. */
function withMissing(where: string): string {
  return where.replaceAll(/`([a-z]+\.[A-Za-z.]+)`/g, (span, key: string) =>
    [key, `interfaces[].${key}`].some((one) => keys.has(one))
      ? span
      : `${span} (which this version does not have: a comment)`,
  );
}
