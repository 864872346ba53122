import { readHostStart } from "../../../src/daemon/state/clock-watch.ts";
/**
 * A DHCP server in mode full on real ports. Arguments: the data folder, `look` when addresses
 * are to be looked at before they are offered, and for each link
 * `DEVICE=ADDRESS/PREFIX=FIRST-LAST`, and `=SECONDS` for a lease of so many. Tells its events in lines of JSON.
 */
import { planBoot } from "../../../src/boot/policy.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { openJournal } from "../../../src/dhcp/leases/journal.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { startDhcpServer } from "../../../src/dhcp/server/dhcp-server.ts";
import { SteadyClock, systemClock } from "../../../src/lib/clock.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { ConflictProbe } from "../../../src/net/conflict-probe.ts";
import { fullLink, policy } from "../../support/dhcp.ts";
import { serverUdp } from "../../support/transfer-socket.ts";

const [dataDir = "", ...args] = process.argv.slice(2);
const looks = args.includes("look");
const links = args
  .filter((arg) => arg !== "look")
  .map((arg): Link => {
    const [device = "", own = "", pool = "", seconds = "3600"] = arg.split("=");
    const [address = "", prefix = ""] = own.split("/");
    const [first = "", last = ""] = pool.split("-");
    const pools = [{ first, last }];
    return {
      interface: device,
      address,
      subnet: subnetOf(address, Number(prefix)),
      mode: "full",
      relayed: [],
      full: {
        ...fullLink.full,
        pools,
        router: [address],
        domain: "site.example",
        leaseSeconds: Number(seconds),
      },
    };
  });

const tell = (line: object): void => console.log(JSON.stringify(line));
const clock = new SteadyClock(systemClock, await readHostStart());
const leases = new LeaseTable();
const { journal } = await openJournal({ dataDir, leases, clock });
const server = await startDhcpServer({
  links,
  openSocket: ({ interface: device, address }, port) =>
    openDeviceSocket({
      device,
      address,
      port,
      passed: [],
      onlyDevice: links.length === 1,
      udp: serverUdp,
    }),
  plan: (client, node, { address }) => planBoot(client, node, policy, `http://${address}:8080`),
  findNode: () => null,
  reservedFor: () => null,
  smee: null,
  vendorClasses: [],
  offerStyles: new OfferStyleTable(),
  leases,
  journal,
  usedBy: looks ? new ConflictProbe(systemClock).usedBy : null,
  guard: null,
  emit: (event) => {
    if (event.event !== "system-dhcp" && event.event !== "dhcp-ignored") tell(event);
  },
  clock,
});
tell({ listening: server.sockets });
