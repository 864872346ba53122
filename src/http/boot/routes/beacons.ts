import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { printable } from "../../../lib/bytes.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import { TokenBuckets } from "../../../lib/token-bucket.ts";
import type { Machine } from "../../../events/types.ts";
import { type BootAppOptions, machineOf, refuse, sendText } from "../context.ts";
import { machineAddress } from "../peer.ts";
import { readSerial, readUuid } from "../smbios.ts";

/** What nobody needs, so that nothing of it is an error. */
const trait = z.string().max(256).optional().catch(undefined);

/** What a script or the Micro-OS reports: a form, JSON, or in the URL. */
const beaconFields = z.object({
  mac: z.string().max(64).optional(),
  uuid: z.string().max(64).optional(),
  serial: z.string().max(256).optional(),
  stage: z.string().min(1).max(64),
  message: z.string().max(2048).optional(),
  errno: z
    .string()
    .regex(/^(0x)?[0-9a-f]{1,8}$/i)
    .transform((text) => text.toLowerCase().replace(/^0x/, ""))
    .optional()
    .catch(undefined),
  version: trait,
  platform: trait,
  manufacturer: trait,
  product: trait,
});

/** More than any boot reports, and too little to drown the log or the timelines. */
const BEACON_RATE = { burst: 40, perSecond: 1 };
const MAX_ADDRESSES = 4096;

export function beaconRoutes(app: FastifyInstance, options: BootAppOptions): void {
  const limits = new TokenBuckets<string>(BEACON_RATE, MAX_ADDRESSES);
  app.route({
    // GET for builds of iPXE without `params`, Debian's among them.
    method: ["GET", "POST"],
    url: "/events",
    handler: (request, reply) => {
      // No Retry-After: iPXE would wait for it, and a beacon must never hold up a boot.
      if (!limits.take(machineAddress(request, options) ?? "", options.clock.now())) {
        const reason = "too many reports from this address";
        return refuse(options, request, reply, { status: 429, reason });
      }
      const fields = beaconFields.safeParse({
        ...fieldsOf(request.query),
        ...fieldsOf(request.body),
      });
      if (!fields.success) {
        const reason = "a report needs a stage, and no field may be longer than its limit";
        return refuse(options, request, reply, { status: 400, reason });
      }
      report(options, request, fields.data);
      // iPXE waits for a body until the connection ends, unless told a length, which 204 may not have.
      if (request.method === "GET") return sendText(reply, 200, "ok\n");
      return reply.code(204).header("connection", "close").send();
    },
  });
}

function fieldsOf(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function report(
  options: BootAppOptions,
  request: FastifyRequest,
  fields: z.output<typeof beaconFields>,
): void {
  const { stage, message } = fields;
  const machine = reportedMachine(options, request, fields);
  if (stage === "micro-os") {
    options.emit({ event: "micro-os", ...machine, evidence: "beacon" });
    return;
  }
  options.emit({
    event: "beacon",
    ...machine,
    stage: printable(stage, 64),
    message: message === undefined ? null : printable(message, 512),
    errno: fields.errno ?? null,
    version: shown(fields.version),
    platform: shown(fields.platform),
    manufacturer: shown(fields.manufacturer),
    product: shown(fields.product),
  });
}

function shown(text: string | undefined): string | null {
  const trimmed = text?.trim() ?? "";
  return trimmed === "" ? null : printable(trimmed, 128);
}

/**
 * The machine that a report is about: by its MAC, its address, or else the UUID or serial number of
 * a boot, for a Micro-OS that came up on another network card than the one it was booted from.
 */
function reportedMachine(
  options: BootAppOptions,
  request: FastifyRequest,
  fields: z.output<typeof beaconFields>,
): Machine {
  const mac = fields.mac === undefined ? null : parseMac(fields.mac);
  const machine = machineOf(options, request, mac);
  if (machine.mac !== null) return machine;
  return { ...machine, mac: macBySmbios(options, fields) };
}

function macBySmbios(
  { sessions }: BootAppOptions,
  fields: { readonly uuid?: string | undefined; readonly serial?: string | undefined },
): Mac | null {
  const uuid = readUuid(fields.uuid);
  const serial = readSerial(fields.serial);
  if (uuid === null && serial === null) return null;
  const boots = sessions.newest(Infinity, (boot) =>
    uuid === null ? boot.serial === serial : boot.uuid === uuid,
  );
  const macs = new Set(boots.flatMap(({ mac }) => mac ?? []));
  // Boards of one make may share a serial number such as "Default string", and even a UUID.
  const [mac, ...others] = macs;
  return mac !== undefined && others.length === 0 ? mac : null;
}
