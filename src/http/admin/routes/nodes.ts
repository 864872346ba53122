import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { explainStall, statusOf } from "../../../timeline/rules.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import { type AdminAppOptions, sendError } from "../context.ts";

/** Only what can be changed: `{"way": null}` forgets what was learnt of the machine's firmware. */
const change = z.strictObject({ way: z.null() });
const machinePath = z.object({ mac: z.string() });

/**
 * `/api/v1/nodes`: every machine that has an entry, was seen lately, or of whose firmware something was
 * learnt; `/api/v1/nodes/{mac}`: one of them.
 */
export function nodeRoutes(app: FastifyInstance, options: AdminAppOptions): void {
  app.get("/api/v1/nodes", (_request, reply) =>
    reply.send({ nodes: knownMachines(options).map((mac) => describeNode(options, mac)) }),
  );

  app.get("/api/v1/nodes/:mac", (request, reply) => {
    const mac = knownMachine(options, request, reply);
    return mac === null ? reply : reply.send(describeNode(options, mac));
  });

  app.patch("/api/v1/nodes/:mac", (request, reply) => {
    const mac = knownMachine(options, request, reply);
    if (mac === null) return reply;
    if (!change.safeParse(request.body).success) {
      const message = 'the body must be {"way": null}, which forgets how the machine is answered';
      return sendError(reply, 400, "BAD_REQUEST", message);
    }
    options.nodes.forgetWay(mac);
    return reply.send(describeNode(options, mac));
  });
}

/** The machine that the path names; null when it is none, and then the reply says so. */
function knownMachine(
  options: AdminAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Mac | null {
  const mac = parseMac(machinePath.parse(request.params).mac);
  if (mac === null) {
    const message = "the path must end in a hardware address such as 08:00:27:29:4e:67";
    sendError(reply, 400, "BAD_REQUEST", message);
    return null;
  }
  if (isKnown(options, mac)) return mac;
  sendError(reply, 404, "NOT_FOUND", `nothing is known of a machine ${mac}`);
  return null;
}

function isKnown({ nodes, sessions }: AdminAppOptions, mac: Mac): boolean {
  if (sessions.latest({ mac, address: null }) !== null || nodes.offerStyleOf(mac) !== null)
    return true;
  return nodes.find({ mac, uuid: null, serial: null }) !== null;
}

function knownMachines({ nodes, sessions }: AdminAppOptions): readonly Mac[] {
  const seen = sessions.list().flatMap(({ mac }) => (mac === null ? [] : [mac]));
  const named = nodes.entries().flatMap(({ mac }) => (mac === null ? [] : [mac]));
  const learnt = nodes.offerStyles().map(({ mac }) => mac);
  return [...new Set([...named, ...seen, ...learnt])].toSorted();
}

/** A machine as people and scripts see it. */
function describeNode({ nodes, sessions, clock }: AdminAppOptions, mac: Mac) {
  const nowMs = clock.now();
  const boot = sessions.latest({ mac, address: null });
  const { uuid = null, serial = null } = boot ?? {};
  const entry = nodes.find({ mac, uuid, serial });
  const learnt = nodes.offerStyleOf(mac);
  return {
    mac,
    name: entry?.name ?? null,
    uuid: uuid ?? entry?.uuid ?? null,
    serial: serial ?? entry?.serial ?? null,
    address: boot?.address ?? entry?.address ?? null,
    hasEntry: entry !== null,
    /** Why the machine may not boot; null when it may. */
    denied: nodes.denialOf(entry),
    /** In which way its firmware is answered, and since when that is known; null: it is not known yet. */
    way: learnt === null ? null : learnt.style,
    waySince: learnt === null ? null : new Date(learnt.provenAtMs).toISOString(),
    boot:
      boot === null
        ? null
        : {
            id: boot.id,
            stage: boot.stage,
            status: statusOf(boot, nowMs),
            startedAt: new Date(boot.startedWallMs).toISOString(),
            diagnosis: explainStall(boot, nowMs),
          },
  };
}
