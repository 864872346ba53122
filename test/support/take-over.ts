import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { nextEvent } from "./netns.ts";
import type { Name, ReplicasSite } from "./replicas-site.ts";

export interface TakeOver {
  /** Machines that are up in the end, of 20. */
  readonly up: number;
  /** How many boots were begun anew. */
  readonly again: number;
  /** Who offered and acknowledged, in the order on the wire, each run of one server once. */
  readonly servers: readonly string[];
  readonly leader: Name;
  readonly other: Name;
}

/**
 * Powers on 20 machines and kills the leader when the first one has come to its downloads. Its container is started
 * again, as by the kubelet, once the other replica leads.
 */
export async function bootThroughTakeOver(site: ReplicasSite): Promise<TakeOver> {
  const { leader, other } = await site.leader();
  await site.server(leader).said('"event":"link-up"');
  const machines = site.machines("20", "10", "20");
  await nextEvent(machines, "downloads");
  await site.server(leader).stop("SIGKILL");
  await site.server(other).said('"event":"leader-acquired"');
  site.start(leader);
  let [up, again] = [0, 0];
  while (up < 20) {
    const told = await nextEvent(machines, "up", "again", "broken", "end");
    if (told["event"] === "up") up += 1;
    else if (told["event"] === "again") again += 1;
    else throw new Error(`machines: ${JSON.stringify(told)}`);
  }
  const servers: string[] = [];
  for (const { server, type } of site.answers()) {
    const grants = type === MessageType.OFFER || type === MessageType.ACK;
    if (grants && servers.at(-1) !== server) servers.push(server);
  }
  return { up, again, servers, leader, other };
}
