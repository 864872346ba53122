import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase, type SharedDatabase } from "../../../src/daemon/database/open-database.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { SteadyClock, systemClock } from "../../../src/lib/clock.ts";

const peer = "192.0.2.2";
const stranger = "192.0.2.9";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-peers-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function whileAway(use: (shared: SharedDatabase, events: PxeEvent[]) => void): Promise<void> {
  const urlFile = join(dataDir, "database-url");
  writeFileSync(urlFile, "postgres://eim_pxe@127.0.0.1:1/eim_pxe\n");
  const events: PxeEvent[] = [];
  const shared = await openDatabase({
    config: { dataDir, leases: { store: { postgres: { urlFile } } } },
    leases: new LeaseTable(),
    nodes: null,
    timelines: null,
    addresses: () => [],
    emit: (event) => void events.push(event),
    clock: new SteadyClock(systemClock),
  });
  if (shared === null) throw new Error("there is no database");
  try {
    use(shared, events);
  } finally {
    await shared.leases.close();
    await shared.database.close();
  }
}

describe("a server that starts while the database is away", () => {
  test("knows the other servers from before, and takes no foreign one for one of them", async () => {
    writeFileSync(join(dataDir, "database-peers.json"), JSON.stringify([peer]));
    await whileAway((shared, events) => {
      expect(shared.problem()).toContain("no new address is leased");
      expect([shared.isPeer(peer), shared.isPeer(stranger)]).toEqual([true, false]);
      const machine = { mac: "08:00:27:29:4e:67", address: null, interface: "eth1" };
      for (const server of [peer, stranger]) {
        shared.emit({ event: "other-dhcp-server", interface: "eth1", server, offered: null });
        shared.emit({ event: "taken-elsewhere", ...machine, server, shared: false });
      }
      expect(events.filter(({ event }) => event === "taken-elsewhere")).toMatchObject([
        { server: peer, shared: true },
        { server: stranger, shared: false },
      ]);
      expect(events.filter(({ event }) => event === "other-dhcp-server")).toMatchObject([
        { server: stranger },
      ]);
    });
  });

  test.each(["", "nonsense", '{"a":1}'])("knows none of them by a file with %j", async (text) => {
    writeFileSync(join(dataDir, "database-peers.json"), text);
    await whileAway((shared) => expect(shared.isPeer(peer)).toBe(false));
  });
});
