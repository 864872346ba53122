import { describe, expect, test } from "vitest";
import { swappedUuid } from "../../src/boot/identity/uuid.ts";
import {
  csvHeader,
  parseOrchestratorCsv,
  serialFault,
  toOrchestratorCsv,
} from "../../src/nodes/orchestrator-csv.ts";

const uuid = "11223344-5566-7788-99aa-bbccddeeff00";
const machine = { mac: "52:54:00:12:34:56", uuid, serial: "ABC12345" };

test("the CSV has the orchestrator's columns, and each machine once, whichever of its network cards booted", () => {
  const { csv, rows } = toOrchestratorCsv([machine, { ...machine, mac: "52:54:00:00:00:01" }]);
  expect(csv.split("\n")).toEqual([
    "Serial,UUID,OSProfile,Site,Secure,RemoteUser,Metadata,LVMSize,CloudInitMeta,K8sEnable,K8sClusterTemplate,K8sConfig,Error - do not fill",
    `ABC12345,${uuid},,,,,,,,,,,`,
    "",
  ]);
  expect(csv.split("\n")[1]?.split(",")).toHaveLength(csvHeader.split(",").length);
  expect(rows).toHaveLength(1);
});

test.each([
  ["did not boot as far as iPXE", { serial: null }],
  ["says only its serial number", { uuid: null }],
  ["shows its UUID in the other byte order", { uuid: swappedUuid(uuid) }],
])("a machine whose other network card %s is one row with all that is known of it", (_, known) => {
  const other = { ...machine, mac: "52:54:00:00:00:01", ...known };
  for (const seen of [
    [machine, other],
    [other, machine],
  ]) {
    const { csv } = toOrchestratorCsv(seen);
    expect(
      csv
        .split("\n")
        .slice(1, -1)
        .map((line) => line.split(",")[0]),
    ).toEqual(["ABC12345"]);
    expect(parseOrchestratorCsv(csv, "hosts.csv")).toMatchObject([{ uuid: expect.any(String) }]);
  }
});

test("two machines whose makers gave them one UUID stay two", () => {
  const other = { ...machine, mac: "52:54:00:00:00:01", serial: "ABC12346" };
  const { rows } = toOrchestratorCsv([machine, other]);
  expect(rows.map(({ serial }) => serial)).toEqual(["ABC12345", "ABC12346"]);
});

test.each([
  "To be filled by O.E.M.",
  "Default string",
  "System Serial Number",
  "Not Specified",
  "None",
  "Unknown",
  "0000000000",
  "0123456789",
  "SN-1234",
  "ABCD",
  "A".repeat(21),
  "=cmd|'/c calc'!A1",
])("the serial number %j is left out and said", (serial) => {
  const { csv, leftOut } = toOrchestratorCsv([{ ...machine, serial }]);
  expect(csv).not.toContain(serial);
  expect(csv).toContain(`\n,${uuid},`);
  expect(leftOut).toEqual([expect.stringContaining(`registered by its UUID only: "${serial}"`)]);
});

test("a machine of which nothing can be registered is left out and said", () => {
  const noUuid = "00000000-0000-0000-0000-000000000000";
  const { csv, leftOut } = toOrchestratorCsv([
    { ...machine, serial: null, uuid: noUuid },
    { ...machine, serial: "None", uuid: null },
  ]);
  expect(csv).toBe(`${csvHeader}\n`);
  expect(leftOut).toHaveLength(2);
  expect(leftOut[1]).toMatch(/was left out: "None" is what boards say/);
});

test.each(["ABCDE", "4CE0460D0G", "ab".repeat(10)])("%s is a serial number", (serial) => {
  expect(serialFault(serial)).toBeNull();
});

describe("parseOrchestratorCsv", () => {
  const uuid2 = "11223344-5566-7788-99aa-bbccddeeff01";

  test("reads what was exported as a list of machines that may boot", () => {
    const { csv } = toOrchestratorCsv([machine, { mac: "", uuid: uuid2, serial: null }]);
    expect(parseOrchestratorCsv(csv, "hosts.csv")).toMatchObject([
      { serial: "ABC12345", uuid, netboot: "allow" },
      { serial: null, uuid: uuid2 },
    ]);
  });

  test("reads columns in any order, quotes, and the line ends of Windows", () => {
    const csv = `\uFEFFUUID,Metadata,Serial\r\n,"a,""b""\r\nc=d",ABC12345\r\n\r\n${uuid2},,`;
    expect(parseOrchestratorCsv(csv, "hosts.csv")).toMatchObject([
      { serial: "ABC12345", uuid: null },
      { serial: null, uuid: uuid2 },
    ]);
  });

  test.each([
    ["", /^hosts\.csv:1:1: the first line must name the columns/],
    ["Serial;UUID\n", /^hosts\.csv:1:1: the first line must name the columns/],
    ["Serial,UUID\n,\nXY,\n", /^hosts\.csv:3:1: the serial number "XY" is not 5 to 20/],
    ["Serial,UUID,Site\n,,here\n", /^hosts\.csv:2:1: has neither Serial nor UUID/],
    ["Serial,UUID\n,4711\n", /^hosts\.csv:2:1: uuid: must be a UUID/],
    ["Serial,UUID\n,00000000-0000-0000-0000-000000000000\n", /many boards share/],
    ["Serial,UUID\nABCDE,\nABCDE,\n", /^hosts\.csv:3:1: hosts\.csv:2:1 has the same serial ABCDE/],
    ['Serial,UUID\n"AB"CDE,\n', /^hosts\.csv:2:1: this is not CSV/],
    ['Serial,UUID\n"ABCDE,\n', /^hosts\.csv:2:1: this is not CSV/],
  ])("says what is wrong with %j", (csv, message) => {
    expect(() => parseOrchestratorCsv(csv, "hosts.csv")).toThrow(message);
  });
});
