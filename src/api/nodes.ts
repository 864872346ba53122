import { z } from "zod";
import { parseIdentity } from "../boot/identity/identity.ts";
import { localBootWays } from "../boot/local-boot.ts";
import { identities, netbootWords } from "../boot/node.ts";
import { offerStyles } from "../boot/offer-style.ts";
import { stages } from "../timeline/stages.ts";
import { bootStatus } from "./boots.ts";
import { next, pageLimit, wrongCursor } from "./pages.ts";
import { isCardAddress, macToBytes } from "../lib/mac.ts";
import { cardPattern, identityPatterns, macInUrl, macsInUrl, moment } from "./values.ts";

const netboot = z.enum(netbootWords);
export const nodeStatuses = ["allowed", "denied", "waiting"] as const;

/** A machine: its entry in the nodes file, what was decided about it, its last boot, and the offer style that its firmware accepted. */
export const node = z.object({
  mac: z.string(),
  name: z.string().nullable(),
  uuid: z.string().nullable(),
  serial: z.string().nullable(),
  address: z.string().nullable(),
  hasEntry: z.boolean().describe("whether an entry of the nodes file matches it"),
  status: z
    .enum(nodeStatuses)
    .describe("waiting: it is unknown, may not boot, and somebody has to decide"),
  denied: z.string().nullable().describe("why it may not boot; null when it may"),
  netboot: netboot
    .nullable()
    .describe("the word in force, decided or of its entry; null: nodes.unknown holds"),
  decidedBy: z.string().nullable().describe("who decided; null: the word is its entry's"),
  decidedAt: moment.nullable(),
  onceUsedAt: moment.nullable().describe("when the boot reached the Micro-OS that a once was for"),
  localBoot: z
    .enum(localBootWays)
    .nullable()
    .describe("how it was seen to go on to its disk; null: that is not known"),
  waitingSince: moment.nullable(),
  way: z
    .enum(offerStyles)
    .nullable()
    .describe("how its firmware is answered; null: that is not known yet"),
  waySince: moment.nullable(),
  boot: z
    .object({
      id: z.string(),
      server: z
        .string()
        .nullable()
        .describe("another server of the database that saw it; null: this one"),
      stage: z.enum(stages),
      status: bootStatus,
      startedAt: moment,
      diagnosis: z.string().nullable(),
    })
    .nullable()
    .describe("its last one; null: none was seen"),
});
export type NodeReply = z.output<typeof node>;

export const nodePath = z.object({ mac: macInUrl });

/** The machine that is to be woken: one card, no group of them. */
export const wakePath = z.object({
  mac: macInUrl
    .refine(
      (text) => isCardAddress(macToBytes(text), true),
      "must be the address of one network card, not of a group of them",
    )
    .meta({ pattern: cardPattern }),
});

/** Where a magic packet was sent, and where it could not be. */
export const wakeReply = z.object({
  mac: z.string(),
  isKnown: z
    .boolean()
    .describe("whether it is known on which link the machine is; if not, every link was tried"),
  sent: z
    .array(
      z.object({
        interface: z.string(),
        address: z.string().describe("ours, from which it came"),
        to: z.string().describe("the broadcast address that it went to"),
      }),
    )
    .readonly(),
  failed: z.array(z.object({ interface: z.string(), reason: z.string() })).readonly(),
});
export type WakeReply = z.output<typeof wakeReply>;

export const nodesQuery = z.object({
  limit: pageLimit(1000),
  cursor: macInUrl.optional().describe("behind this machine"),
  status: z.enum(nodeStatuses).optional().describe("only such machines"),
  mac: macsInUrl
    .optional()
    .describe(
      "only these machines, separated by commas: 100 at most; those of which nothing is known are left out",
    ),
});
export const nodesReply = z.object({ nodes: z.array(node).readonly(), next });

/** A host name, as the nodes file takes it. */
const hostName = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "must be a host name");

const decided = {
  netboot: netboot.nullable().optional().describe("null gives the word back to the nodes file"),
  name: hostName.nullable().optional(),
};

/** Only what can be changed. */
export const nodeChange = z
  .strictObject(
    {
      ...decided,
      way: z.null().optional().describe("null forgets how its firmware is answered"),
    },
    "must have netboot (allow, deny, once or null), name (or null) or way (null)",
  )
  .refine((change) => Object.keys(change).length > 0, "must have netboot, name or way")
  .meta({ minProperties: 1 });

/** What somebody decided about a machine, or about all that a wildcard fits. */
export const decision = z.object({
  kind: z.enum(identities).describe("by what it names machines"),
  value: z.string().describe("with * and ? for any letters and any one letter"),
  netboot: netboot.nullable(),
  name: z.string().nullable(),
  address: z.string().nullable().describe("reserved for it"),
  by: z.string(),
  at: moment,
});
export type DecisionReply = z.output<typeof decision>;

export const decisionsQuery = z.object({
  limit: pageLimit(1000),
  cursor: z
    .string(wrongCursor)
    .regex(/^(mac|uuid|serial):[\s\S]{1,128}$/, wrongCursor)
    .optional()
    .describe("`next` of an earlier answer: behind this `kind` and `value`"),
});
export const decisionsReply = z.object({
  unknown: z.enum(["allow", "deny"]).describe("what holds for machines that nothing names"),
  decisions: z.array(decision).readonly().describe("by `kind` and `value`"),
  next,
});

export const decisionRequest = z
  .strictObject({
    kind: z.enum(identities),
    value: z.string().max(128),
    ...decided,
    address: z.null().optional().describe("null gives up a reservation of leases pin"),
  })
  .refine(({ kind, value }) => parseIdentity(kind, value) !== null, {
    path: ["value"],
    error: "must be a MAC address, a UUID or a serial number, as kind says; * and ? may be in it",
  })
  .refine(
    ({ netboot: word, name, address }) => [word, name, address].some((one) => one !== undefined),
    "must have netboot, name or address",
  )
  .meta({
    allOf: [
      {
        oneOf: identities.map((kind) => ({
          properties: { kind: { const: kind }, value: { pattern: identityPatterns[kind] } },
        })),
      },
      { anyOf: ["netboot", "name", "address"].map((key) => ({ required: [key] })) },
    ],
  });
