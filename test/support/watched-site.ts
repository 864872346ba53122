import { PassThrough } from "node:stream";
import { z } from "zod";
import { type BootReply, bootsReply } from "../../src/api/boots.ts";
import { type NodeReply, nodesReply } from "../../src/api/nodes.ts";
import { OfferStyleTable } from "../../src/boot/offer-style.ts";
import { planBoot } from "../../src/boot/policy.ts";
import { parseTraceparent } from "../../src/boot/trace-context.ts";
import { parseConfig } from "../../src/config/load.ts";
import { configuredLinks } from "../../src/daemon/links/link-plan.ts";
import { policyOf, smeeOf } from "../../src/daemon/settings/boot-settings.ts";
import { attachSubscribers } from "../../src/daemon/subscribers.ts";
import { LeaseTable } from "../../src/dhcp/leases/lease-table.ts";
import { decodePacket, type DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { startDhcpServer } from "../../src/dhcp/server/dhcp-server.ts";
import { EventBus } from "../../src/events/bus.ts";
import { createInventory } from "../../src/nodes/inventory.ts";
import { parseNodes } from "../../src/nodes/nodes-file.ts";
import { createLog } from "../../src/observe/log.ts";
import { createMetrics } from "../../src/observe/metrics.ts";
import { AdminSite } from "./admin-site.ts";
import { FakeUdp } from "./fake-udp.ts";

/** One for all: making them is most of the work. */
const metrics = createMetrics(
  () => true,
  () => [],
  () => ({ busy: 0, idle: 0 }),
);

const line = z.object({ level: z.string(), event: z.string(), reason: z.string().optional() });

/** What an administrator can see of one request. */
export interface Seen {
  /** Null: there was no answer. */
  readonly reply: DhcpPacket | null;
  /** Of the log at level debug. */
  readonly lines: readonly z.output<typeof line>[];
  readonly boots: readonly BootReply[];
  readonly nodes: readonly NodeReply[];
}

export interface WatchedSite {
  /** The configuration, as YAML or JSON. */
  readonly configuration: string;
  /** The nodes file, as YAML or JSON. */
  readonly nodes?: string;
  readonly trace?: string | null;
}

/**
 * Sends one datagram to a server of that configuration, whose sockets are in memory.
 *
 * @param from where it comes from, `IP:PORT`
 */
export async function whatIsSeen(
  { configuration, nodes = "[]", trace = null }: WatchedSite,
  payload: Uint8Array,
  from: string,
  port: number,
): Promise<Seen> {
  const config = parseConfig(configuration, null);
  const inventory = createInventory(parseNodes(nodes, "nodes.yaml"));
  const [served] = configuredLinks(config, []);
  if (served === undefined || served.dhcp === null) throw new Error("no link is served by DHCP");
  const link = served.dhcp;
  const site = new AdminSite();
  const clock = { now: () => site.nowMs, wall: () => site.nowMs };
  const bus = new EventBus(clock);
  const out = new PassThrough({ highWaterMark: 1_000_000 });
  attachSubscribers(bus, {
    sessions: site.sessions,
    nodes: () => {},
    firmware: () => {},
    metrics,
    log: createLog({ level: "debug", out }),
    readiness: () => {},
    clock,
  });
  const network = new FakeUdp();
  const policy = policyOf(config);
  let reply: DhcpPacket | null = null;
  const server = await startDhcpServer({
    links: [link],
    openSocket: async ({ address }, at) => {
      const socket = await network.open({ address, port: at });
      return { ...socket, send: (sent) => void (reply = decodePacket(sent)) };
    },
    plan: (client, node) => planBoot(client, node, policy, `http://${link.address}:8080`),
    findNode: inventory.find,
    reservedFor: inventory.reservedFor,
    leases: new LeaseTable(),
    offerStyles: new OfferStyleTable(),
    smee: smeeOf(config, {
      tftpPort: 69,
      httpPort: 8080,
      trace: trace === null ? null : parseTraceparent(trace),
    }),
    journal: null,
    usedBy: null,
    guard: null,
    vendorClasses: config.boot.vendorClasses,
    emit: bus.emit,
    clock,
  });
  const [address = "", sourcePort = ""] = from.split(":");
  const client = await network.open({ address, port: Number(sourcePort) });
  client.send(payload, { address: link.address, port });
  // The datagram arrives in a later microtask, and no answer waits for anything else.
  await new Promise((resolve) => setImmediate(resolve));
  await server.close();
  const app = site.app({ sessions: site.sessions });
  const [boots, known] = await Promise.all(
    ["/api/v1/boots", "/api/v1/nodes"].map((url) => app.inject({ url })),
  );
  await site.close();
  return {
    reply,
    lines: String(out.read() ?? "")
      .split("\n")
      .filter((text) => text !== "")
      .map((text) => line.parse(JSON.parse(text))),
    boots: bootsReply.parse(boots?.json()).boots,
    nodes: nodesReply.parse(known?.json()).nodes,
  };
}
