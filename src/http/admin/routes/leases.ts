import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { parseIp4 } from "../../../lib/ip4.ts";
import { parseMac } from "../../../lib/mac.ts";
import { type AdminAppOptions, sendError } from "../context.ts";

const moment = z.number().int().min(0);
const textOrNull = z.string().max(510).nullable();
const imported = z.strictObject({
  mac: z.string().refine((text) => parseMac(text) === text, "must be like 08:00:27:29:4e:67"),
  address: z.string().refine((text) => parseIp4(text) !== null, "must be an IPv4 address"),
  startedAtMs: moment,
  expiresAtMs: moment,
  hostname: textOrNull,
  clientId: textOrNull,
});
const importBody = z.strictObject({ leases: z.array(imported).max(1000) });
const leasePath = z.object({ address: z.string() });
/** Room for a thousand leases. */
const IMPORT_BYTES = 2 * 1024 * 1024;

/** `/api/v1/leases`: the addresses that mode full has leased, and how full its pools are. */
export function leaseRoutes(app: FastifyInstance, { leases }: AdminAppOptions): void {
  app.get("/api/v1/leases", (_request, reply) =>
    reply.send({ leases: leases.list(), pools: leases.pools() }),
  );

  app.delete("/api/v1/leases/:address", async (request, reply) => {
    const address = parseIp4(leasePath.parse(request.params).address);
    if (address === null) {
      const message = "the path must end in an IPv4 address such as 192.168.77.100";
      return sendError(reply, 400, "BAD_REQUEST", message);
    }
    const released = await leases.release(address);
    if (released === null) return sendError(reply, 404, "NOT_FOUND", `nobody has ${address}`);
    return reply.send(released);
  });

  app.post("/api/v1/leases", { bodyLimit: IMPORT_BYTES }, async (request, reply) => {
    const body = importBody.safeParse(request.body);
    if (!body.success) return sendError(reply, 400, "BAD_REQUEST", z.prettifyError(body.error));
    return reply.send(await leases.import(body.data.leases));
  });
}
