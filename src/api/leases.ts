import { z } from "zod";
import { parseIp4 } from "../lib/ip4.ts";
import { parseMac } from "../lib/mac.ts";
import { next, pageLimit } from "./pages.ts";
import { ip4InUrl, ip4Pattern, macPattern } from "./values.ts";

const epochMs = z.int().min(0).describe("milliseconds since the Unix epoch");

/** An address that is leased or in quarantine. */
export const lease = z.object({
  mac: z.string(),
  address: z.string(),
  network: z
    .string()
    .nullable()
    .describe("that the address was leased in; null: leased by an earlier version"),
  state: z
    .enum(["bound", "declined", "in-use", "released"])
    .describe("declined, in-use: kept out of use, because another machine was found to use it"),
  expiresAtMs: z.number().describe("milliseconds since the Unix epoch"),
  startedAtMs: z
    .number()
    .describe("since when the machine has the address; renewals change nothing"),
  hostname: z.string().nullable().describe("option 12 as the machine sent it"),
  clientId: z.string().nullable().describe("option 61 as the machine sent it, in hex"),
});
export type LeaseReply = z.output<typeof lease>;

/** How full the pools of one network are; all numbers are addresses. */
export const pool = z.object({
  interface: z.string(),
  network: z.string(),
  addresses: z.int(),
  leased: z.int(),
  quarantined: z.int(),
  free: z.int(),
});
export type PoolReply = z.output<typeof pool>;

export const leasesQuery = z.object({
  limit: pageLimit(1000),
  cursor: ip4InUrl.optional().describe("behind this address"),
});
export const leasesReply = z.object({
  leases: z.array(lease).readonly().describe("by address"),
  pools: z.array(pool).readonly(),
  next,
});

export type LeasesReply = z.output<typeof leasesReply>;

export const leasePath = z.object({ address: ip4InUrl });

const textOrNull = z.string().max(510).nullable();

/** A lease of another server, to be imported. */
const importedLease = z.strictObject({
  mac: z
    .string()
    .refine((text) => parseMac(text) === text, "must be like 08:00:27:29:4e:67")
    .meta({ pattern: macPattern }),
  address: z
    .string()
    .refine((text) => parseIp4(text) !== null, "must be an IPv4 address")
    .meta({ pattern: ip4Pattern }),
  startedAtMs: epochMs,
  expiresAtMs: epochMs,
  hostname: textOrNull,
  clientId: textOrNull,
});
export type ImportedLease = Readonly<z.output<typeof importedLease>>;

/** How many leases one request takes. */
export const importAtOnce = 1000;

export const leaseImport = z.strictObject({
  leases: z.array(importedLease).max(importAtOnce).readonly(),
});

export const leaseImportReply = z.object({
  imported: z.int(),
  skipped: z.array(z.object({ address: z.string(), reason: z.string() })).readonly(),
});
export type LeaseImportReply = z.output<typeof leaseImportReply>;

/** Without a name, the machine keeps the one that it has; no client has to send a body for that. */
export const pinRequest = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "must be a host name")
      .nullable()
      .optional()
      .describe("the machine's name from now on, option 12"),
  })
  .nullish();
export const pinReply = z.object({
  mac: z.string(),
  address: z.string(),
  name: z.string().nullable(),
});
