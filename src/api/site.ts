import { z } from "zod";
import { bootStatuses } from "../timeline/rules.ts";
import { stages } from "../timeline/stages.ts";
import { moment } from "./values.ts";

const link = z.object({
  interface: z.string(),
  address: z.string().nullable(),
  mode: z.enum(["proxy", "full", "off"]),
  served: z.boolean(),
  reason: z.string().nullable().describe("why it is not served; null while it is"),
});
export type SiteLink = z.output<typeof link>;

const leader = z.object({
  lease: z.string().describe("NAMESPACE/NAME of the Lease object"),
  leading: z.boolean().describe("whether this replica answers DHCP in mode full"),
  leader: z.string().nullable().describe("the replica that does; null: none is known"),
  recoveringSeconds: z
    .int()
    .describe("for so long machines may have leases of a former leader that are not known here"),
});
export type SiteLeader = z.output<typeof leader>;

const otherServer = z.object({
  interface: z.string(),
  server: z.string().describe("its address"),
  givesAddresses: z.boolean().describe("false: it was only heard as a PXE server"),
  answersPxe: z.boolean().describe("its offers carry option 60 or a boot file"),
  lastHeardAt: moment,
});
export type OtherServer = z.output<typeof otherServer>;

const origin = z.object({
  url: z.string().describe("that is asked first"),
  state: z.enum(["not-asked", "asking", "reached", "failed"]),
  lastSyncAt: moment.nullable(),
  failure: z.object({ at: moment, reason: z.string() }).nullable(),
  certificateExpiresAt: z.string().nullable(),
  progress: z
    .object({
      file: z.string(),
      bytes: z.number(),
      total: z.number().nullable(),
      bytesPerSecond: z.number(),
      remainingSeconds: z.number().nullable(),
    })
    .nullable()
    .describe("of the file that is being fetched"),
});
export type SiteOrigin = z.output<typeof origin>;

/** One answer to "could a machine boot now, and if not, whose side is it?" */
export const siteReply = z.object({
  version: z.string(),
  instance: z.string(),
  now: moment.describe("by the server's clock"),
  configFile: z
    .string()
    .nullable()
    .describe(
      "the configuration file that the server was started with; null: `/etc/eim-pxe/eim-pxe.yaml`",
    ),
  ready: z.boolean(),
  reasons: z.array(z.string()).readonly().describe("what is missing; empty when ready"),
  unserved: z.array(z.string()).readonly(),
  links: z.array(link).readonly(),
  leader: leader.nullable().describe("null: there is one server only, or no link in mode full"),
  otherServers: z.array(otherServer).readonly().describe("DHCP and PXE servers that were heard"),
  origin: origin.nullable().describe("null: none is configured"),
  generation: z.object({ id: z.string(), createdAt: z.string() }).nullable(),
  pinned: z.string().nullable(),
  disk: z
    .object({ folder: z.string(), freeBytes: z.number(), totalBytes: z.number() })
    .nullable()
    .describe("null: it could not be read"),
  medians: z
    .array(z.object({ stage: z.enum(stages), afterMs: z.int(), boots: z.int() }))
    .readonly()
    .describe("when a boot here reaches each stage, after its start: medians of the last boots"),
  machines: z.record(z.enum(bootStatuses), z.int()).describe("by the status of their last boot"),
  hours: z
    .array(z.object({ startedAt: moment, boots: z.int(), up: z.int() }))
    .readonly()
    .describe("boots that began in each of the last 24 hours, oldest first"),
});
export type SiteReply = z.output<typeof siteReply>;

/** Programs that sites have their DHCP from. */
export const otherServerKinds = [
  "dnsmasq",
  "isc-dhcp",
  "kea",
  "windows",
  "mikrotik",
  "opnsense",
  "openwrt",
  "technitium",
] as const;

export type OtherServerKind = (typeof otherServerKinds)[number];

export const otherServerPath = z.object({ kind: z.enum(otherServerKinds) });
export const otherServerQuery = z.object({
  interface: z.string().max(15).optional().describe("the link; default: the first"),
});
export const otherServerReply = z.object({
  text: z.string().describe("what to remove and what to set, to be pasted"),
});
