import { expect, test } from "vitest";
import { csvHeader, serialFault, toOrchestratorCsv } from "../../src/nodes/orchestrator-csv.ts";

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
