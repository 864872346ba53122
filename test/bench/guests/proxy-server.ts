import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { planBoot } from "../../../src/boot/policy.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { startDhcpServer } from "../../../src/dhcp/server/dhcp-server.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { policy, proxyLink } from "../../support/dhcp.ts";

/* A proxy DHCP server on loopback, in a process of its own. Prints its port; ends with its standard input. */

const address = "127.0.0.1";
let socket: UdpSocket | null = null;
const server = await startDhcpServer({
  links: [{ ...proxyLink, interface: "lo", address }],
  openSocket: async (_, port) => {
    const opened = await openDgram({ address, port });
    socket ??= opened;
    return opened;
  },
  plan: (client, node) => planBoot(client, node, policy, `http://${address}:8080`),
  findNode: () => null,
  reservedFor: () => null,
  leases: new LeaseTable(),
  journal: null,
  usedBy: null,
  guard: null,
  smee: null,
  vendorClasses: [],
  offerStyles: new OfferStyleTable(),
  emit: () => {},
  clock: systemClock,
  ports: { server: 0, bootServer: 0 },
});
process.stdout.write(`${(socket as UdpSocket | null)?.local.port ?? 0}\n`);
process.stdin.resume();
process.stdin.on("end", () => {
  process.stdout.write(`${JSON.stringify(process.resourceUsage())}\n`);
  void server.close();
});
