import type { LeasesReply } from "../../api/leases.ts";
import { api } from "./api.ts";

/** No answer has more. */
const mostAtOnce = 1000;

/** The first so many leases as they are now, however many answers they take; `next` is null where these are all. */
export async function firstLeases(count: number): Promise<LeasesReply> {
  let reply = await api.leases(Math.min(count, mostAtOnce), null);
  const leases = [...reply.leases];
  while (reply.next !== null && leases.length < count) {
    reply = await api.leases(Math.min(count - leases.length, mostAtOnce), reply.next);
    leases.push(...reply.leases);
  }
  return { ...reply, leases };
}
