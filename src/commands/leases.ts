import { readFile } from "node:fs/promises";
import { endpoints } from "../api/endpoints.ts";
import { importAtOnce, type LeaseImportReply, type LeasesReply } from "../api/leases.ts";
import { journalFile, openJournal, readLeases } from "../dhcp/leases/journal.ts";
import type { LeaseStore } from "../dhcp/leases/lease-store.ts";
import { type ImportedLease, LeaseAdmin } from "../dhcp/leases/lease-admin.ts";
import {
  detectLeaseFormat,
  type ImportFormat,
  type LeaseFile,
  readLeaseFile,
} from "../dhcp/leases/lease-import.ts";
import { isActive, later, LeaseTable } from "../dhcp/leases/lease-table.ts";
import { SteadyClock, systemClock } from "../lib/clock.ts";
import { ConfigError, messageOf } from "../lib/errors.ts";
import { parseIp4 } from "../lib/ip4.ts";
import { atOnce } from "../lib/lists/turns.ts";
import { readInterfaces } from "../net/interfaces.ts";
import { type AdminClient, askPages, findAdmin } from "./shared/admin-client.ts";
import { openDatabase } from "../daemon/database/open-database.ts";
import { urlFileOf } from "../daemon/database/url.ts";
import { loadSettings, type Settings } from "../daemon/settings/settings.ts";
import type { FolderLock } from "../daemon/state/data-folder-lock.ts";
import { readHostStart } from "../daemon/state/clock-watch.ts";
import { configuredLinks } from "../daemon/links/link-plan.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";
import { type DataFolder, openDataFolder } from "./shared/data-folder.ts";
import { tableLines } from "./shared/table.ts";

/*
 * `eim-pxe leases`: asks the server that runs on the data folder, or works on the journal there when none
 * does.
 */

type Listing = Pick<LeasesReply, "leases" | "pools">;

export type { ImportFormat } from "../dhcp/leases/lease-import.ts";

/** `eim-pxe leases list`: leases and quarantines in force, and how full the pools are. */
export async function listLeases(program: Program, options: ReportOptions): Promise<number> {
  const settings = loadSettings(options.config, program.environment);
  const admin = await findAdmin(settings);
  const found = admin === null ? await listHere(settings) : await listThere(admin);
  if (typeof found === "string") return refused(program, found);
  program.out.write(options.json ? `${JSON.stringify(found)}\n` : inWords(found));
  return ExitCode.ok;
}

/** `eim-pxe leases release ADDRESS`: frees an address, whichever machine has it. */
export async function releaseLease(
  program: Program,
  text: string,
  options: ReportOptions,
): Promise<number> {
  const address = parseIp4(text);
  if (address === null) {
    throw new ConfigError([`${text}: must be an IPv4 address such as 192.168.77.100`]);
  }
  const settings = loadSettings(options.config, program.environment);
  const { admin, lock } = await openLeases(program, settings);
  const freed =
    admin === null
      ? ((await inJournal(settings, lock, (leaseAdmin) => leaseAdmin.release(address))) ??
        `${address} is not leased`)
      : await admin.ask(endpoints.releaseLease, { params: { address } });
  if (typeof freed === "string") return refused(program, freed);
  const words = `${address} of ${freed.mac} is free. The machine learns of it when it renews.`;
  program.out.write(`${options.json ? JSON.stringify(freed) : words}\n`);
  return ExitCode.ok;
}

/** `eim-pxe leases import FILE`: imports the leases of ISC dhcpd, dnsmasq or Kea, or those of a journal of ours. */
export async function importLeases(
  program: Program,
  file: string,
  options: ReportOptions & { readonly format: ImportFormat | null },
): Promise<number> {
  const settings = loadSettings(options.config, program.environment);
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new ConfigError([`${file}: cannot be read: ${messageOf(error)}`]);
  });
  const format = options.format ?? detectLeaseFormat(text);
  const { leases, problems } =
    format === "journal" ? await ofJournal(text) : readLeaseFile(format, text, systemClock.wall());
  const { admin, lock } = await openLeases(program, settings);
  const result =
    admin === null
      ? await inJournal(settings, lock, (leaseAdmin) => leaseAdmin.import(leases))
      : await importThere(admin, leases);
  if (typeof result === "string") return refused(program, result);
  const { imported, skipped } = result;
  if (options.json) {
    program.out.write(`${JSON.stringify({ format, imported, skipped, problems })}\n`);
    return ExitCode.ok;
  }
  const left = [
    ...problems.map((problem) => `${file}: ${problem}`),
    ...skipped.map(({ address, reason }) => `${address} was not imported: ${reason}`),
  ];
  for (const line of left) program.err.write(`${line}\n`);
  program.out.write(`${imported} leases were imported from ${file} (${format}).\n`);
  return ExitCode.ok;
}

/** What is in force in a journal, with times as the system's clock shows them now. */
async function ofJournal(text: string): Promise<LeaseFile> {
  const clock = await hostClock();
  const { leases: all, damaged } = readLeases(Buffer.from(text), clock);
  const leases = new LeaseTable();
  for (const lease of all) leases.restore(lease);
  return {
    leases: leases
      .all()
      .filter((lease) => lease.state === "bound" && isActive(lease, clock.wall()))
      .map((lease) => later(lease, clock.offsetMs)),
    problems: damaged.map(({ reason }) => reason),
  };
}

async function importThere(
  admin: AdminClient,
  leases: readonly ImportedLease[],
): Promise<LeaseImportReply | string> {
  let imported = 0;
  const skipped: LeaseImportReply["skipped"][number][] = [];
  for (let at = 0; at < leases.length; at += importAtOnce) {
    const body = { leases: leases.slice(at, at + importAtOnce).map(withoutState) };
    const result = await admin.ask(endpoints.importLeases, { body });
    if (typeof result === "string") return result;
    imported += result.imported;
    skipped.push(...result.skipped);
  }
  return { imported, skipped };
}

/** What is imported is leased, so the request does not say so. */
function withoutState({
  mac,
  address,
  startedAtMs,
  expiresAtMs,
  hostname,
  clientId,
}: ImportedLease) {
  return { mac, address, startedAtMs, expiresAtMs, hostname, clientId };
}

async function listThere(admin: AdminClient): Promise<Listing | string> {
  const pages = await askPages(admin, endpoints.listLeases);
  if (typeof pages === "string") return pages;
  return { leases: pages.flatMap(({ leases }) => leases), pools: pages.at(-1)?.pools ?? [] };
}

async function listHere({ config }: Settings): Promise<Listing> {
  if (urlFileOf(config) !== null) {
    return inDatabase(config, (leaseAdmin) => Promise.resolve(listingOf(leaseAdmin)));
  }
  const leases = new LeaseTable();
  const journal = await readFile(journalFile(config.dataDir)).catch(() => new Uint8Array());
  const clock = await hostClock();
  for (const one of readLeases(journal, clock).leases) leases.restore(one);
  return listingOf(leaseAdminOf({ config, leases, journal: null, clock }));
}

function listingOf(leaseAdmin: LeaseAdmin): Listing {
  return { leases: leaseAdmin.list(), pools: atOnce(leaseAdmin.pools()) };
}

/** @throws FolderInUseError when another process works there, ConfigError where the journal may be elsewhere */
async function openLeases(program: Program, settings: Settings): Promise<DataFolder> {
  const folder = await openDataFolder(program, settings, "leases");
  if (folder.admin === null && settings.config.leader.kubernetesLease !== null) {
    await folder.lock.release();
    throw new ConfigError([
      "no server runs here, and the leases are the leader's (leader.kubernetesLease), which may have the journal open: run this beside the leader (kubectl exec)",
    ]);
  }
  return folder;
}

/** Works on the journal itself, or the database, and gives the folder back. */
async function inJournal<T>(
  { config }: Settings,
  lock: FolderLock,
  work: (leaseAdmin: LeaseAdmin) => Promise<T>,
): Promise<T> {
  try {
    if (urlFileOf(config) !== null) return await inDatabase(config, work);
    const leases = new LeaseTable();
    const clock = await hostClock();
    const { journal } = await openJournal({ dataDir: config.dataDir, leases, clock });
    try {
      return await work(leaseAdminOf({ config, leases, journal, clock }));
    } finally {
      await journal.close();
    }
  } finally {
    await lock.release();
  }
}

/** Works on the database of `leases.store`, beside the servers that share it. @throws ConfigError when it cannot be used */
async function inDatabase<T>(
  config: Settings["config"],
  work: (leaseAdmin: LeaseAdmin) => Promise<T>,
): Promise<T> {
  const leases = new LeaseTable();
  const clock = await hostClock();
  const nowhere = { nodes: null, timelines: null, addresses: () => [], emit: () => {} };
  const shared = await openDatabase({ config, leases, clock, ...nowhere });
  try {
    const problem = shared === null ? "leases.store names no database" : shared.problem();
    if (shared === null || problem !== null) throw new ConfigError([problem ?? ""]);
    return await work(leaseAdminOf({ config, leases, journal: shared.leases, clock }));
  } finally {
    await shared?.leases.close();
    await shared?.database.close();
  }
}

async function hostClock(): Promise<SteadyClock> {
  return new SteadyClock(systemClock, await readHostStart());
}

function leaseAdminOf({
  config,
  ...parts
}: {
  readonly config: Settings["config"];
  readonly leases: LeaseTable;
  readonly journal: LeaseStore | null;
  readonly clock: SteadyClock;
}): LeaseAdmin {
  const served = configuredLinks(config, readInterfaces());
  const links = served.flatMap(({ dhcp }) => (dhcp === null ? [] : [dhcp]));
  return new LeaseAdmin({ ...parts, links: () => links, emit: () => {} });
}

function inWords({ leases, pools }: Listing): string {
  const rows = leases.map((one) => [
    one.address,
    one.mac,
    one.state === "bound" ? "leased" : "quarantine",
    new Date(one.expiresAtMs).toISOString().slice(0, 19),
    one.hostname ?? "-",
  ]);
  const head = ["ADDRESS", "MAC", "STATE", "UNTIL (UTC)", "HOST NAME"];
  const full = pools.map(
    ({ network, interface: name, addresses, leased, quarantined, free }) =>
      `${network} on ${name}: ${addresses} addresses in the pools, ${leased} leased, ${quarantined} in quarantine, ${free} free`,
  );
  const lines = leases.length === 0 ? ["No address is leased."] : tableLines([head, ...rows]);
  return `${[...lines, ...full].join("\n")}\n`;
}

function refused(program: Program, message: string): number {
  program.err.write(`${message}\n`);
  return ExitCode.fault;
}
