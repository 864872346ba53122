/*
 * The CSV file by which machines are registered with the orchestrator (orch-cli create host --import-from-csv).
 * It is written of the machines that were seen, and read as a list of those that may boot.
 */

import { uuidInOneOrder } from "../boot/identity/uuid.ts";
import type { NodeEntry } from "../boot/node.ts";
import { ConfigError } from "../lib/errors.ts";
import { checkPlaced, type PlacedEntry } from "./placed-entries.ts";

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

/** Whether a UUID is one of a machine's own. */
export function namesMachine(uuid: string): boolean {
  return !noUuids.has(uuid.toLowerCase());
}

export interface SeenMachine {
  readonly mac: string;
  readonly uuid: string | null;
  readonly serial: string | null;
}

/** A machine as the CSV names it; empty: not known. */
interface Row {
  readonly serial: string;
  readonly uuid: string;
}

export interface CsvExport {
  readonly csv: string;
  readonly rows: readonly Row[];
  /** What was left out, and why, for people. */
  readonly leftOut: readonly string[];
}

/** The machines as the orchestrator's CSV, each once, however many network cards it has. */
export function toOrchestratorCsv(machines: readonly SeenMachine[]): CsvExport {
  const told: Row[] = [];
  const leftOut: string[] = [];
  for (const { mac, serial, uuid } of machines) {
    const fault = serial === null ? null : serialFault(serial);
    const goodSerial = serial === null || fault !== null ? "" : serial;
    const goodUuid = uuid === null || !namesMachine(uuid) ? "" : uuid;
    if (goodSerial === "" && goodUuid === "") {
      const why = fault ?? "neither its serial number nor its UUID is known; iPXE tells both";
      leftOut.push(`${mac} was left out: ${why}`);
      continue;
    }
    if (fault !== null) leftOut.push(`${mac} is registered by its UUID only: ${fault}`);
    told.push({ serial: goodSerial, uuid: goodUuid });
  }
  const rows = onceEach(told);
  const lines = rows.map(({ serial, uuid }) =>
    [serial, uuid, ...columns.slice(2).map(() => "")].join(","),
  );
  return { csv: `${[csvHeader, ...lines].join("\n")}\n`, rows, leftOut };
}

/** What one card tells of its machine, another may not: firmware tells no serial number, and iPXE both. */
function onceEach(told: readonly Row[]): readonly Row[] {
  const whole = told.filter(({ serial, uuid }) => serial !== "" && uuid !== "");
  const serials = new Set(whole.map(({ serial }) => serial));
  const uuids = new Set(whole.map(({ uuid }) => uuidInOneOrder(uuid)));
  const rows = new Map<string, Row>();
  for (const row of told) {
    const uuid = row.uuid === "" ? "" : uuidInOneOrder(row.uuid);
    const isPart = row.uuid === "" ? serials.has(row.serial) : row.serial === "" && uuids.has(uuid);
    if (!isPart) rows.set(`${row.serial} ${uuid}`, row);
  }
  return [...rows.values()];
}

/**
 * Reads the orchestrator's CSV as a list of machines that may boot, by serial number and UUID.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function parseOrchestratorCsv(content: string, file: string): readonly NodeEntry[] {
  const [header, ...rows] = csvRows(content.replace(/^\uFEFF/, ""), file);
  const at = (name: string) => header?.fields.findIndex((field) => field.trim() === name) ?? -1;
  const [serialAt, uuidAt] = [at("Serial"), at("UUID")];
  if (serialAt === -1 || uuidAt === -1) {
    throw new ConfigError([
      `${file}:1:1: the first line must name the columns, Serial and UUID among them: ${csvHeader}`,
    ]);
  }
  const placed: PlacedEntry[] = [];
  const faults: string[] = [];
  for (const { line, fields } of rows) {
    const place = `${file}:${line}:1`;
    const [serial, uuid] = [fields[serialAt]?.trim() ?? "", fields[uuidAt]?.trim() ?? ""];
    if (fields.every((field) => field.trim() === "")) continue;
    const fault = serial === "" ? null : serialFault(serial);
    if (fault !== null) faults.push(`${place}: the serial number ${fault}`);
    else if (serial === "" && uuid === "") faults.push(`${place}: has neither Serial nor UUID`);
    else if (!namesMachine(uuid)) {
      faults.push(`${place}: the UUID ${uuid} is one that many boards share`);
    } else {
      const value = { serial: serial === "" ? null : serial, uuid: uuid === "" ? null : uuid };
      placed.push({ value, place });
    }
  }
  const { entries, problems } = checkPlaced(placed);
  if (faults.length + problems.length > 0) throw new ConfigError([...faults, ...problems]);
  return entries;
}

interface CsvRow {
  readonly line: number;
  readonly fields: string[];
}

/** RFC 4180: fields in quotes may have commas, line breaks and doubled quotes. */
function csvRows(content: string, file: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let row: CsvRow = { line: 1, fields: [] };
  let line = 1;
  const field = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|\r|$)/y;
  while (field.lastIndex < content.length) {
    const found = field.exec(content);
    if (found === null) {
      throw new ConfigError([
        `${file}:${line}:1: this is not CSV: a quote is not where one may be`,
      ]);
    }
    const [whole, raw = "", end = ""] = found;
    row.fields.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    line += whole.split("\n").length - 1;
    if (end === ",") continue;
    rows.push(row);
    row = { line, fields: [] };
  }
  return row.fields.length > 0 ? [...rows, row] : rows;
}
