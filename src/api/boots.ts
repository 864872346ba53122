import { z } from "zod";
import { registrationStatuses } from "../boot/registration.ts";
import { certainties } from "../timeline/certainty.ts";
import { bootStatuses, firmwareKinds } from "../timeline/rules.ts";
import { stages } from "../timeline/stages.ts";
import { packet } from "./packets.ts";
import { next, pageLimit, wrongCursor } from "./pages.ts";
import { macsInUrl, moment } from "./values.ts";

export const bootStatus = z.enum(bootStatuses);
const stage = z.enum(stages);
const certainty = z
  .enum(certainties)
  .describe("proved by what the machine did, reported by the machine, or inferred from beside it");

const step = z.object({
  stage,
  at: moment.describe("when it was first seen"),
  lastAt: moment,
  afterMs: z.int().describe("milliseconds from the start of the boot"),
  count: z.int().describe("how often it was seen"),
  certainty,
  detail: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
    .readonly()
    .describe(
      "the fields of the event, as it was last seen; of a download also `bytesPerSecond`, and of one that runs `bytesSent` and `percent`",
    ),
});

const diagnosis = z.object({
  code: z.string().describe("as in docs/diagnosis.md"),
  cause: z.string(),
  remedy: z.string(),
  who: z.enum(["site", "network", "orchestrator", "us"]).describe("who has to act"),
  onScreen: z
    .array(z.string())
    .readonly()
    .describe("what the machine's screen shows if that is the cause"),
  certainty,
  evidence: z
    .array(z.string())
    .readonly()
    .describe("what was seen of the boot, with seconds since its start"),
});
export type DiagnosisReply = z.output<typeof diagnosis>;

/** One boot of one machine as a timeline. */
export const boot = z.object({
  id: z.string(),
  mac: z.string().nullable(),
  uuid: z.string().nullable(),
  serial: z.string().nullable(),
  name: z.string().nullable().describe("from the machine's node entry"),
  vendor: z.string().nullable().describe("as the machine says itself"),
  model: z.string().nullable(),
  address: z.string().nullable(),
  server: z
    .string()
    .nullable()
    .describe("another server of the database (`leases.store`) that saw it; null: this one"),
  interface: z.string().nullable().describe("of the server, on which the machine was heard"),
  firmware: z.enum(firmwareKinds).nullable(),
  architecture: z.string().nullable(),
  status: bootStatus,
  stage: stage.describe("the furthest one that was reached"),
  startedAt: moment,
  updatedAt: moment,
  durationMs: z.int(),
  generation: z.string().nullable().describe("of the Micro-OS that it was last given a file of"),
  diagnosis: diagnosis.nullable().describe("why it goes no further; null while it does"),
  waiting: z
    .object({
      ahead: z.int().describe("machines before it in the line"),
      since: moment,
    })
    .nullable()
    .describe("it waits in line for a download, because of `http.queue`; null while it does not"),
  expected: z
    .object({
      usualMs: z.int().describe("how long boots here are at its stage: the median"),
      elapsedMs: z.int().describe("how long this one has been there"),
      isLate: z
        .boolean()
        .describe("longer than nine of ten boots here: it is time to act, no longer to wait"),
      boots: z.int().describe("boots that came up here lately, of which that is made"),
    })
    .nullable()
    .describe("null: it is at its end, it waits in line, or no boot came up here yet"),
  registration: z
    .object({
      status: z.enum(registrationStatuses),
      host: z.string().nullable().describe("the orchestrator's id of it"),
      reason: z.string().nullable().describe("null where it is registered"),
      remedy: z.string().nullable(),
      at: moment,
    })
    .nullable()
    .describe(
      "what the orchestrator said of the machine (`nodes.orchestrator`); null while it was not asked",
    ),
  steps: z.array(step).readonly(),
});
export type BootReply = z.output<typeof boot>;

/** The same with what was reported of it. */
export const bootDetail = boot.extend({
  given: z
    .array(
      z.object({
        file: z.string(),
        sha256: z
          .string()
          .nullable()
          .describe("of what was sent, in hex; null for files of the site's own folder"),
        at: moment.describe("when its last byte was sent"),
        certainty: certainty.describe("proved: to this machine; reported: to one that named it"),
      }),
    )
    .readonly()
    .describe("every file that it was sent whole, oldest first: 64 at most"),
  events: z
    .array(z.looseObject({ at: moment, event: z.string() }))
    .readonly()
    .describe(
      "what was reported of it, with the event's fields: the first and the last 60 events; of another server's boot those in the database, none while that is away",
    ),
  packets: z
    .array(packet)
    .readonly()
    .describe(
      "its last DHCP and TFTP packets, decoded; none where `timeline.captures` is false, and of another server's boot",
    ),
});

export type BootDetailReply = z.output<typeof bootDetail>;

export const bootPath = z.object({ id: z.string().max(256) });

/** Where a page begins: behind the boots of this server, and of the others, with these numbers. */
export interface BootCursor {
  readonly own: number;
  readonly others: number;
}

export const fromTheNewest: BootCursor = { own: Infinity, others: Infinity };

const cursor = z
  .string(wrongCursor)
  .regex(/^(\d{1,15}|\d{0,15}-\d{1,15})$/, wrongCursor)
  .transform((text): BootCursor => {
    const [own = "", others = ""] = text.split("-");
    return {
      own: own === "" ? Infinity : Number(own),
      others: others === "" ? Infinity : Number(others),
    };
  });

export const bootsQuery = z.object({
  mac: macsInUrl.optional().describe("of these machines, separated by commas: 100 at most"),
  latest: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .default(false)
    .describe("only the last boot of each machine"),
  status: bootStatus.optional(),
  stage: stage.optional().describe("the furthest one that was reached"),
  since: z
    .string("must be given once")
    // In a query a plus that is not encoded is a blank.
    .overwrite((text) => text.replace(" ", "+"))
    .pipe(z.iso.datetime({ offset: true, error: "must be a moment such as 2026-03-06T10:00:00Z" }))
    .meta({ format: "date-time" })
    .transform((text) => Date.parse(text))
    .optional()
    .describe("began then or later"),
  limit: pageLimit(100, 500),
  cursor: cursor.optional(),
});
export type BootsQuery = z.output<typeof bootsQuery>;

export const bootsReply = z.object({ boots: z.array(boot).readonly(), next });
