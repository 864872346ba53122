import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { endpoints } from "../src/api/endpoints.ts";
import { apiErrorCodes } from "../src/api/errors.ts";
import { architectures } from "../src/boot/architecture.ts";
import { commandLine, exitCodes } from "../src/commands/command-line.ts";
import { commandTree } from "../src/commands/shared/command-tree.ts";
import { manPage } from "../src/commands/shared/man-page.ts";
import { usualEvents } from "../src/config/keys/elsewhere.ts";
import { configSchema } from "../src/config/schema.ts";
import { whoInWords } from "../src/lib/finding.ts";
import { nodeSchema } from "../src/nodes/schema.ts";
import { eventCatalogue } from "../src/events/catalogue.ts";
import {
  bytesOfUnknown,
  lineLimits,
  linesOfSender,
  type ShowRule,
} from "../src/events/catalogue/entry.ts";
import { type FieldCause, fieldCauses, furtherCauses } from "./support/reproductions.ts";
import { apiReference } from "./support/docs/api-reference.ts";
import { causes, causeTables } from "./support/docs/causes.ts";
import { codeTables } from "./support/docs/codes.ts";
import { keysOf, keyTable } from "./support/docs/config-keys.ts";
import { isOfFirstVersion } from "./support/docs/first-version.ts";
import { shippedPackages } from "../scripts/shipped-packages.ts";
import { allowedLicences, licencesPage } from "./support/docs/licences.ts";
import { brokenLinks } from "./support/docs/links.ts";
import { allMetrics, labelsTable, metricsTable } from "./support/docs/metrics.ts";
import {
  commonFields,
  commonFieldsTable,
  eventFieldsTable,
  fieldsOfEvents,
} from "./support/docs/log-fields.ts";
import { unknownNames } from "./support/docs/names.ts";
import { withParts } from "./support/docs/parts.ts";
import { ipv6Flags, smeeFlagNames, smeeFlags } from "./support/docs/smee-flags.ts";
import { FakeProgram } from "./support/program.ts";

/*
 * Tables in docs/ that are made from data. After a change of the data write them anew with
 *   npx vitest run --project unit test/docs.test.ts -u
 */

const { version: packageVersion } = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync("package.json", "utf8")));

describe("docs/events.md", () => {
  const units: readonly (readonly [string, number])[] = [
    ["day", 86_400_000],
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ];
  const duration = (ms: number): string => {
    const [name = "", unit = 1] = units.find(([, one]) => ms % one === 0) ?? [];
    return ms === unit ? `a ${name}`.replace("a hour", "an hour") : `${ms / unit} ${name}s`;
  };
  const inWords = ({ every, by, upTo, until, sum }: ShowRule): string =>
    [
      `once in ${duration(every)} for each ${by.map((field) => `\`${field}\``).join(" and ")}`,
      upTo === undefined ? "" : `, then less and less often, at last once in ${duration(upTo)}`,
      until === undefined ? "" : `, until \`${until}\``,
      sum === undefined ? "" : `; \`${sum}\` is the sum since the last one`,
    ].join("");

  it("is the catalogue of events", async () => {
    const rows = Object.entries(eventCatalogue).map(
      ([name, { level, message, meaning, show }]) =>
        `| \`${name}\` | ${level} | ${message} | ${meaning} | ${show === undefined ? "" : inWords(show)} |`,
    );
    const limits = lineLimits.map(({ most, withinMs }) => `${most} in ${duration(withinMs)}`);
    const text = `# Events

Everything that eim-pxe reports is one of these: one log line, one count in
\`eim_pxe_events_total{event="…"}\`, for the stages one step of the machine's timeline, and one message on
\`/api/v1/events\`. A log line is a JSON object with \`level\`, \`time\`, \`event\`, the event's fields
(\`mac\`, \`address\`, \`interface\`, …) and \`msg\`.

What may come with every packet or at every look is shown less often; the last column says how often. That holds for
log lines and streams; the metrics count and the timelines learn from each event. Beyond that the log has room for
so many lines of one event: ${limits.join(" and ")}; of one machine or address ${linesOfSender.burst} of an event at once and ${linesOfSender.perSecond * 60} in a minute
after that (a known machine's \`syslog\` has [its own limits](syslog.md#how-much-is-taken)). Of all senders together that no known machine is (it has or had a lease, fetched its loader from here, or has an entry with its MAC),
there is room for ${bytesOfUnknown.all.burst / 1000} kB at once and ${(bytesOfUnknown.all.perSecond * 60) / 1000} kB in a minute, half of that of one event at once, so that whoever makes up machines does not fill the disk.
What is left out of the log is in the metrics, the timelines and the streams all the same: a line with \`suppressed\` says how many lines of its event
were left out, and so does \`eim_pxe_log_lines_suppressed_total\`.

| event | level | message | what it means | shown |
|---|---|---|---|---|
${rows.join("\n")}
`;
    await expect(text).toMatchFileSnapshot("../docs/events.md");
  });
});

describe("docs/logs.md", () => {
  it("has the fields of every event", async () => {
    const text = withParts("docs/logs.md", {
      common: commonFieldsTable(),
      fields: eventFieldsTable(),
    });
    await expect(text).toMatchFileSnapshot("../docs/logs.md");
  });

  it("knows the type of every event, and explains only fields that there are", () => {
    const fields = fieldsOfEvents();
    expect(Object.keys(eventCatalogue).filter((name) => !fields.has(name))).toEqual([]);
    const all = new Set([...fields.values()].flat());
    expect(Object.keys(commonFields).filter((name) => !all.has(name))).toEqual([]);
  });
});

describe("docs/diagnosis.md", () => {
  const all = causes;
  const codes = [...new Set(all.map(({ code }) => code))];

  it("is all rules", async () => {
    const rows = codes.map((code) => {
      const row = all.find((one) => one.code === code);
      const foundBy = Object.keys(causeTables).filter((name) =>
        causeTables[name]?.some((one) => one.code === code),
      );
      const { cause = "", remedy = "", who = "us" } = row ?? {};
      return `| <a id="${code}"></a>\`${code}\` | ${cause} | ${remedy} | ${whoInWords[who]} | ${foundBy.join(", ")} |`;
    });
    const text = `# What can be wrong, and who does what about it

Every cause that eim-pxe names has a code, which stays the same, a sentence that says what is wrong and why, another one that
says what to do, and who has to do it: the *site*, who looks after this server and the machines; its *network team*, who
look after switches, routers and firewalls; the *orchestrator's operator*; or the *makers of eim-pxe*. Words in braces stand
for what was found, such as a server's address.

| code | cause | what to do | who | found by |
|---|---|---|---|---|
${rows.join("\n")}

## How boots fail in the field, and how that is tested

What people report of machines that did not boot, and by which test each is reproduced: with real firmware in *QEMU*; by real programs and sockets in
network *namespaces* or on loopback; or by *frames*, a boot's events played one by one, where it takes hardware. The last column is the sentence that comes.

| # | on the screen | cause | reproduced | what is said |
|---|---|---|---|---|
${[...fieldCauses, ...furtherCauses].map(fieldRow).join("\n")}
`;
    await expect(text).toMatchFileSnapshot("../docs/diagnosis.md");
  });

  function fieldRow({ row, onScreen, cause, reproductions, why = "" }: FieldCause): string {
    const how = reproductions.map((one) => `${one.means}: ${one.how} (\`${one.test}\`)`);
    const said = reproductions.map(({ code }) => `\`${code}\`${sentenceOf(code)}`);
    const made = how.length === 0 ? `not: ${why}` : how.join("<br>");
    return `| ${row ?? ""} | ${onScreen} | ${cause} | ${made} | ${said.join("<br>")} |`;
  }

  function sentenceOf(code: string): string {
    const found = all.find((one) => one.code === code);
    return found === undefined ? "" : `: ${found.cause}`;
  }

  it("has every cause of the field's list, and tests that have its code", () => {
    expect(fieldCauses.map(({ row }) => row)).toEqual(Array.from({ length: 29 }, (_, i) => i + 1));
    for (const { row, reproductions, why } of [...fieldCauses, ...furtherCauses]) {
      expect([row, why === undefined]).toEqual([row, reproductions.length > 0]);
      for (const { code, test } of reproductions) {
        expect([test, readFileSync(test, "utf8").includes(`"${code}"`)]).toEqual([test, true]);
      }
    }
  });

  it.each(codes)("has one cause for the code %s", (code) => {
    const texts = all
      .filter((row) => row.code === code)
      .map(({ cause, remedy, who }) => JSON.stringify({ cause, remedy, who }));
    expect(new Set(texts).size).toBe(1);
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it.each(all)("has texts that fit into a sentence: $code", ({ cause, remedy }) => {
    for (const text of [cause, remedy]) {
      expect(text).toMatch(/^([^A-Z]|BIOS |Linux |Secure Boot |UEFI |TFTP |HTTP |DHCP ).*[^.\s]$/);
    }
    expect(`${cause}${remedy}`).not.toMatch(/[|\n]/);
  });
});

describe("docs/eim-pxe.1", () => {
  it("is made from the command line, for the version of the package", async () => {
    const version = packageVersion;
    const tree = commandTree(commandLine(new FakeProgram(), version, () => {}));
    await expect(manPage(tree, version, exitCodes)).toMatchFileSnapshot("../docs/eim-pxe.1");
  });
});

describe("docs/loaders.md", () => {
  it("is the table of architectures", async () => {
    const rows = architectures.map(
      ({ code, name, transport, loader }) =>
        `| ${code} | ${name} | ${transport.toUpperCase()} | ${loader === null ? "none" : `\`${loader}\``} |`,
    );
    const text = `# Loaders by architecture

What a machine gets is decided by the architecture that it announces in DHCP option 93: the first number
in it that has a loader. Where 93 is missing or damaged, option 60 counts (\`PXEClient:Arch:00007\`). U-Boot and
other firmware whose option 60 begins neither with \`PXEClient\` nor with \`HTTPClient\` is served where
\`boot.vendorClasses\` names it (\`[U-Boot]\`). \`boot.loaders\` and a node's \`loader\` name another one. Loaders are looked for by
name in the [asset folder](assets.md#a-loader-from-the-folder) where it is named, in \`artifacts.loaderDirs\`, then in the mirror. A machine for which there is none gets an address in
mode full and no answer in proxy mode, and the event \`dhcp-refused\` says so.

\`artifacts.loaderUrls\` has loaders fetched from a URL, each with the SHA-256 that is expected of it; they come before the folders.
\`eim-pxe artifacts list\` shows every loader that is found: EFI or BIOS, machine, whether it is signed, the version
of iPXE (loaders for BIOS are compressed and do not tell), and whether it brings a script of its own. At the start a
loader for 0, 7 or 11, or for any number in \`boot.loaders\`, that is for other machines is refused (exit 2).
\`boot.loaderPatch\` is written into SMEE's builds of iPXE in place of their two marker lines; other loaders stay as
they are.

| option 93 | machine | fetched by | loader |
|---|---|---|---|
${rows.join("\n")}
`;
    await expect(text).toMatchFileSnapshot("../docs/loaders.md");
  });
});

describe("docs/configuration.md", () => {
  const keys = keysOf(configSchema);
  const nodeKeys = keysOf(nodeSchema);
  const changelog = readFileSync("CHANGELOG.md", "utf8");

  it("has every key of the schema", async () => {
    const text = withParts("docs/configuration.md", {
      keys: keyTable(keys),
      "node keys": keyTable(nodeKeys),
    });
    await expect(text).toMatchFileSnapshot("../docs/configuration.md");
  });

  it("keeps each key on one line: Markdown ends a table where a line does not begin with |", () => {
    const lines = `${keyTable(keys)}\n${keyTable(nodeKeys)}`.split("\n");
    expect(lines.filter((line) => !/^\|.*\|$/.test(line))).toEqual([]);
  });

  it.each([...keys, ...nodeKeys])("says what $path is for", ({ description }) => {
    // A sentence in `meta({ description })` beside the key, for somebody who has never read an RFC.
    expect(description).toMatch(/^[A-Z`].{15,}\.$/);
    expect(description).not.toContain("\n");
  });

  it.each([...keys, ...nodeKeys])("says since when $path is there", ({ path, since }) => {
    // `meta({ since })`: the version that the key first comes with. Those of 0.1.0 need none.
    expect([path, since === "0.1.0"]).toEqual([path, isOfFirstVersion(path)]);
    expect(changelog).toContain(`\n## ${since}\n`);
  });
});

describe("docs/webhooks.md", () => {
  it("lists the events that a webhook is told of by default", () => {
    const listed = [...readFileSync("docs/webhooks.md", "utf8").matchAll(/^\| `([\w-]+)` \|/gm)];
    expect(listed.map((match) => match[1])).toEqual(usualEvents);
  });
});

describe("docs/metrics.md", () => {
  it("has all metrics with their labels", async () => {
    const { registry } = allMetrics();
    const text = withParts("docs/metrics.md", {
      metrics: metricsTable(registry),
      labels: labelsTable(registry),
    });
    await expect(text).toMatchFileSnapshot("../docs/metrics.md");
  });
});

describe("docs/api.md", () => {
  it("has every endpoint of the admin port", async () => {
    const text = withParts("docs/api.md", { endpoints: apiReference(Object.values(endpoints)) });
    await expect(text).toMatchFileSnapshot("../docs/api.md");
  });

  it("has every code of an error", () => {
    const text = readFileSync("docs/api.md", "utf8");
    expect(apiErrorCodes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });
});

describe("docs/troubleshooting.md", () => {
  it("has every code that machines show", async () => {
    const text = withParts("docs/troubleshooting.md", { codes: codeTables() });
    await expect(text).toMatchFileSnapshot("../docs/troubleshooting.md");
  });

  it("names only causes that there are", () => {
    const known = new Set([...Object.keys(eventCatalogue), ...causes.map(({ code }) => code)]);
    const [symptoms = ""] = readFileSync("docs/troubleshooting.md", "utf8").split(
      "<!-- made: codes",
    );
    const named = [...symptoms.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, name = ""]) => name);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("docs/migrating-from-smee.md", () => {
  it("has every flag of SMEE", async () => {
    const parts = { flags: smeeFlags(), "IPv6 flags": ipv6Flags() };
    const text = withParts("docs/migrating-from-smee.md", parts);
    await expect(text).toMatchFileSnapshot("../docs/migrating-from-smee.md");
  });

  it.each(Object.entries(smeeFlagNames))("names each flag of %s", (_, flags) => {
    const text = readFileSync("docs/migrating-from-smee.md", "utf8");
    const missing = flags.filter((flag) => !text.includes(`\`${flag.replace(/-v4$/, "")}\``));
    expect(missing).toEqual([]);
  });
});

describe("docs/tested-machines.md", () => {
  it("names every test that boots firmware, and no others", () => {
    const text = readFileSync("docs/tested-machines.md", "utf8").split(
      "## Which test boots what",
    )[1];
    const named = [...(text ?? "").matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = ""]) =>
      cell.split(", ").map((name) => name.replaceAll("`", "")),
    );
    const tests = ["test/qemu", "test/qemu/firmware"].flatMap((folder) =>
      readdirSync(folder).filter((name) => name.endsWith(".test.ts")),
    );
    expect(named.toSorted()).toEqual(tests.map((name) => basename(name, ".test.ts")).toSorted());
  });
});

describe("docs/licences.md", () => {
  it("is what the lock file says", async () => {
    await expect(licencesPage()).toMatchFileSnapshot("../docs/licences.md");
  });

  it("names licences only under which everything may be passed on", () => {
    const others = shippedPackages().filter(({ licence }) => !allowedLicences.includes(licence));
    expect(others).toEqual([]);
  });
});

describe("the documents", () => {
  const documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].concat(
    readdirSync("docs", { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
      .map((name) => join("docs", name)),
  );

  it.each(documents)("%s has links that lead somewhere", (document) => {
    expect(brokenLinks(document)).toEqual([]);
  });

  it.each(documents)("%s names commands, keys, endpoints and events that there are", (document) => {
    expect(unknownNames(document)).toEqual([]);
  });

  it("are all in the index", () => {
    const index = readFileSync("docs/README.md", "utf8");
    const pages = documents.filter(
      (name) => /^docs\/[^/]+\.md$/.test(name) && name !== "docs/README.md",
    );
    expect(pages.filter((name) => !index.includes(`](${basename(name)}`))).toEqual([]);
  });
});

describe("docs/design/architecture.md", () => {
  const text = readFileSync("docs/design/architecture.md", "utf8");
  const questions = [...text.matchAll(/^\| ([^|]+\?) \| `([^`]+)` \|$/gm)].map(
    ([, question = "", path = ""]) => ({ question, path }),
  );

  it("answers at least twenty questions, each by one path", () => {
    expect(questions.length).toBeGreaterThanOrEqual(20);
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
  });

  it.each(questions)("$question leads to a path that exists: $path", ({ path }) => {
    expect(existsSync(path)).toBe(true);
  });

  it("has a line for each room of src", () => {
    const rooms = readdirSync("src", { recursive: true, encoding: "utf8", withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath }) => parentPath)
      .filter((room) => !/\/(routes|catalogue|rules)$/.test(room) && room !== "src");
    const missing = [...new Set(rooms)].filter((room) => !text.includes(`| \`${room}\` |`));
    expect(missing).toEqual([]);
  });
});
