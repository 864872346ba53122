/*
 * The CSV file by which machines are registered with the orchestrator (orch-cli create host --import-from-csv).
 * It is written of the machines that were seen, and read as a list of those that may boot.
 */

const columns = [
  "Serial",
  "UUID",
  "OSProfile",
  "Site",
  "Secure",
  "RemoteUser",
  "Metadata",
  "LVMSize",
  "CloudInitMeta",
  "K8sEnable",
  "K8sClusterTemplate",
  "K8sConfig",
  "Error - do not fill",
] as const;

export const csvHeader = columns.join(",");

/** What the orchestrator takes as a serial number. */
const SERIAL = /^[A-Za-z0-9]{5,20}$/;

/** What boards without a serial number of their own say, in lower case. */
const noSerials: ReadonlySet<string> = new Set([
  "to be filled by o.e.m.",
  "default string",
  "default",
  "system serial number",
  "serial number",
  "not specified",
  "notspecified",
  "not applicable",
  "notapplicable",
  "none",
  "unknown",
  "invalid",
  "oem",
  "chassis serial number",
  "0123456789",
  "123456789",
  "1234567890",
]);

/** Boards of many makers share these; so they name no machine. */
const noUuids: ReadonlySet<string> = new Set([
  "00000000-0000-0000-0000-000000000000",
  "ffffffff-ffff-ffff-ffff-ffffffffffff",
  "03000200-0400-0500-0006-000700080009",
  "00020003-0004-0005-0006-000700080009",
  "12345678-1234-5678-90ab-cddeefaabbcc",
]);

/** Why a serial number cannot be registered; null when it can. */
export function serialFault(serial: string): string | null {
  const isOneLetter = /^(.)\1*$/.test(serial);
  if (noSerials.has(serial.trim().toLowerCase()) || isOneLetter) {
    return `"${serial}" is what boards say that have no serial number`;
  }
  if (SERIAL.test(serial)) return null;
  return `"${serial}" is not 5 to 20 letters and digits, which the orchestrator asks for`;
}

export interface SeenMachine {
  readonly mac: string;
  readonly uuid: string | null;
  readonly serial: string | null;
}

export interface CsvExport {
  readonly csv: string;
  readonly rows: readonly { readonly serial: string; readonly uuid: string }[];
  /** What was left out, and why, for people. */
  readonly leftOut: readonly string[];
}

/** The machines as the orchestrator's CSV, each once, however many network cards it has. */
export function toOrchestratorCsv(machines: readonly SeenMachine[]): CsvExport {
  const rows = new Map<string, { serial: string; uuid: string }>();
  const leftOut: string[] = [];
  for (const { mac, serial, uuid } of machines) {
    const fault = serial === null ? null : serialFault(serial);
    const goodSerial = serial === null || fault !== null ? "" : serial;
    const goodUuid = uuid === null || noUuids.has(uuid) ? "" : uuid;
    if (goodSerial === "" && goodUuid === "") {
      const why = fault ?? "neither its serial number nor its UUID is known; iPXE tells both";
      leftOut.push(`${mac} was left out: ${why}`);
      continue;
    }
    if (fault !== null) leftOut.push(`${mac} is registered by its UUID only: ${fault}`);
    rows.set(goodUuid === "" ? goodSerial : goodUuid, { serial: goodSerial, uuid: goodUuid });
  }
  const lines = [...rows.values()].map(({ serial, uuid }) =>
    [serial, uuid, ...columns.slice(2).map(() => "")].join(","),
  );
  return { csv: `${[csvHeader, ...lines].join("\n")}\n`, rows: [...rows.values()], leftOut };
}
