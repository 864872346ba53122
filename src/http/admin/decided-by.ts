import type { FastifyRequest } from "fastify";
import { printable } from "../../lib/bytes.ts";

/** For the log and the decision itself: who sent a request that changes something, as far as that can be known. */
export function decidedBy(request: FastifyRequest): string {
  const sender = request.headers["x-eim-pxe-user"];
  const from = request.socket.remoteAddress ?? "an unknown address";
  // A command says who ran it; anybody who may write could say the same.
  const user = typeof sender === "string" ? printable(sender, 64) : "";
  return user === "" ? `the API, from ${from}` : `${user} by eim-pxe, from ${from}`;
}
