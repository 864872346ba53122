import { configSchema } from "../../../src/config/schema.ts";
import { flagRows } from "../../../src/setup/smee/flags.ts";
import { keysOf } from "./config-keys.ts";

const keys = new Set(keysOf(configSchema).map(({ path }) => path));

/** Each flag of SMEE, and where it went. */
export function smeeFlags(): string {
  const rows = flagRows.map(
    ({ flags, where }) =>
      `| ${flags.map((flag) => `\`${flag}\``).join(", ")} | ${withMissing(where).replaceAll("{mac}", "`{mac}`")} |`,
  );
  return `# SMEE's flags, and where they went

\`\`\`
eim-pxe import smee --env smee.env > eim-pxe.yaml           # its environment: TINKERBELL_… or SMEE_…
eim-pxe import smee --values values.yaml > eim-pxe.yaml     # Helm values of the charts tinkerbell, stack and smee
eim-pxe import smee -- --dhcp-mode=proxy … > eim-pxe.yaml   # its command line
\`\`\`

The result passes \`eim-pxe check\` and has SMEE's answers ([migrating-from-smee.md](migrating-from-smee.md)). What has no counterpart, or
what this version does not take, stands in comments above it. Each flag is also the variable of its name in capitals
behind \`TINKERBELL_\` or \`SMEE_\`. Names of 2026 end in \`-v4\`, which is left out here; what ends in \`-v6\` becomes a comment.

| flag | where it went |
|---|---|
${rows.join("\n")}
`;
}

/** A flag's place with a word on each key of ours that is yet to come. */
function withMissing(where: string): string {
  return where.replaceAll(/`([a-z]+\.[A-Za-z.]+)`/g, (span, key: string) =>
    [key, `interfaces[].${key}`].some((one) => keys.has(one))
      ? span
      : `${span} (which this version does not have: a comment)`,
  );
}
