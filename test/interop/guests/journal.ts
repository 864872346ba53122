import { readHostStart } from "../../../src/daemon/state/clock-watch.ts";
import { SteadyClock, systemClock } from "../../../src/lib/clock.ts";
import { openJournal } from "../../../src/dhcp/leases/journal.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";

/*
 * Writes leases without end, many at a time, into a journal that is compacted every few writes. Arguments: the
 * data folder, the first number. Tells the number of each lease that is on disk.
 */

const [dataDir = "", first = ""] = process.argv.slice(2);
const clock = new SteadyClock(systemClock, await readHostStart());
const leases = new LeaseTable();
const { journal } = await openJournal({ dataDir, leases, clock, compactAboveBytes: 3000 });
console.log(JSON.stringify({ opened: leases.all().length }));

let next = Number(first);
async function write(): Promise<void> {
  for (;;) {
    const number = next++;
    const machine = number % 40;
    const lease = {
      mac: `52:54:00:00:00:${machine.toString(16).padStart(2, "0")}`,
      address: `10.0.0.${machine + 1}`,
      network: "10.0.0.0/24",
      state: "bound",
      // The number of the lease, as nothing else of it changes.
      expiresAtMs: number,
      startedAtMs: 0,
      hostname: null,
      clientId: null,
    } as const;
    leases.restore(lease);
    await journal.append(lease);
    console.log(JSON.stringify({ written: number }));
  }
}
await Promise.all(Array.from({ length: 8 }, write));
