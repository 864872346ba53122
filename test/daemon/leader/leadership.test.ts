import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LeaderJournal } from "../../../src/daemon/leader/leader-journal.ts";
import { Leadership } from "../../../src/daemon/leader/leadership.ts";
import { type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import type { EventName, PxeEvent } from "../../../src/events/types.ts";
import { SteadyClock } from "../../../src/lib/clock.ts";
import { Cluster } from "../../support/cluster.ts";

const lease: Lease = {
  mac: "52:54:00:00:00:0a",
  address: "192.168.77.100",
  network: "192.168.77.0/24",
  state: "bound",
  expiresAtMs: 9e15,
  startedAtMs: 0,
  hostname: null,
  clientId: null,
};

interface Replica {
  readonly leadership: Leadership;
  readonly journal: LeaderJournal;
  readonly leases: LeaseTable;
  readonly events: PxeEvent[];
}

let cluster: Cluster;
let folder: string;
let nowMs: number;
/** Names of replicas that cannot reach the API server. */
let cutOff: Set<string>;
let replicas: Replica[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-leader-"));
  [nowMs, cutOff, replicas] = [0, new Set(), []];
  cluster = new Cluster();
  cluster.leases.status = (_method, token) => (cutOff.has(token) ? 503 : 200);
  await cluster.open();
});
afterEach(async () => {
  await Promise.all(replicas.map(({ leadership }) => leadership.stop()));
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A replica whose clock is the test's. */
function replica(name: string, journalFolder: string): Replica {
  const clock = { now: () => nowMs, wall: () => 1.8e12 + nowMs };
  const events: PxeEvent[] = [];
  const emit = (event: PxeEvent): void => void events.push(event);
  const leases = new LeaseTable();
  const steady = new SteadyClock(clock);
  const at = join(folder, journalFolder);
  const journal = new LeaderJournal({ folder: at, leases, clock: steady, emit });
  const leadership = new Leadership({
    access: { server: cluster.url, namespace: "boot", token: () => name, tls: {} },
    name: "eim-pxe",
    leaseSeconds: 15,
    replica: name,
    instance: `00000000-0000-4000-8000-00000000000${replicas.length}`,
    journal,
    rebindSeconds: () => 3150,
    emit,
    clock,
    lookEveryMs: 5,
  });
  const made = { leadership, journal, leases, events };
  replicas.push(made);
  leadership.start(() => {});
  return made;
}

const soon = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 5 });
const names = ({ events }: Replica) => events.map(({ event }) => event);
const named = (one: Replica, name: EventName) => one.events.filter(({ event }) => event === name);

/** Lets the test's time pass until the replica leads; nobody else may lead at any moment. */
async function leads(one: Replica): Promise<void> {
  let mostAtOnce = 0;
  await soon(() => {
    nowMs += 100;
    const leading = replicas.filter(({ leadership }) => leadership.isLeading());
    mostAtOnce = Math.max(mostAtOnce, leading.length);
    expect(leading).toEqual([one]);
  });
  expect(mostAtOnce).toBe(1);
}

/** Waits until it has looked at the object so many times more. */
async function looks(): Promise<void> {
  const before = cluster.asked.length;
  await soon(() => expect(cluster.asked.length).toBeGreaterThan(before + 8));
}

describe("leadership", () => {
  test("one replica leads, the others say who; when it stops another one leads at once", async () => {
    const a = replica("pod-a", "shared");
    await leads(a);
    const b = replica("pod-b", "shared");
    await soon(() => expect(names(b)).toContain("leader-elsewhere"));
    expect(b.leadership.state()).toEqual({
      lease: "boot/eim-pxe",
      leading: false,
      leader: "pod-a",
      recoveringSeconds: 0,
    });
    expect(a.leadership.state().leader).toBe("pod-a");
    await a.leadership.stop();
    expect(a.leadership.isLeading()).toBe(false);
    await soon(() => expect(b.leadership.isLeading()).toBe(true));
    expect(named(b, "leader-acquired")).toHaveLength(1);
  });

  test("the journal is the leader's alone: it is opened by it with what the former one wrote", async () => {
    const a = replica("pod-a", "shared");
    await leads(a);
    // Nobody knows who led before the first one.
    expect(a.leadership.mayLackLeases()).toBe(true);
    nowMs += 3_200_000;
    await leads(a);
    expect(a.leadership.mayLackLeases()).toBe(false);
    await a.journal.append(lease);
    await looks();
    const b = replica("pod-b", "shared");
    await soon(() => expect(names(b)).toContain("leader-elsewhere"));
    await expect(b.journal.append(lease)).rejects.toThrow(/not the leader/);
    expect(await b.journal.isWritable()).toBe(false);
    expect(b.leases.size).toBe(0);
    await a.leadership.stop();
    await expect(a.journal.append(lease)).rejects.toThrow(/not the leader/);
    expect(a.leases.size).toBe(0);
    await leads(b);
    expect(b.leases.at(lease.address)).toMatchObject({ mac: lease.mac });
    expect(b.leadership.state()).toMatchObject({ leading: true, recoveringSeconds: 0 });
  });

  test("with volumes of their own the next leader knows that leases may be missing, until T2 has passed", async () => {
    const a = replica("pod-a", "own-a");
    await leads(a);
    nowMs += 3_200_000;
    await leads(a);
    await looks();
    const b = replica("pod-b", "own-b");
    await soon(() => expect(names(b)).toContain("leader-elsewhere"));
    await a.leadership.stop();
    await leads(b);
    expect(b.leadership.mayLackLeases()).toBe(true);
    // Its journal may be relied on by nobody before.
    expect(cluster.leases.get("eim-pxe")?.metadata.annotations).toEqual({});
    const { recoveringSeconds } = b.leadership.state();
    expect(recoveringSeconds).toBeGreaterThan(0);
    nowMs += (recoveringSeconds + 1) * 1000;
    await leads(b);
    expect(b.leadership.mayLackLeases()).toBe(false);
  });

  test("a leader that recovers and is restarted recovers anew", async () => {
    const a = replica("pod-a", "own-a");
    await leads(a);
    expect(a.leadership.mayLackLeases()).toBe(true);
    await a.leadership.stop();
    const again = replica("pod-a", "own-a");
    await leads(again);
    expect(again.leadership.mayLackLeases()).toBe(true);
  });

  test("a leader that cannot reach the API server gives up before another one leads", async () => {
    const a = replica("pod-a", "own-a");
    await leads(a);
    const b = replica("pod-b", "own-b");
    await soon(() => expect(names(b)).toContain("leader-elsewhere"));
    await looks();
    cutOff.add("pod-a");
    await leads(b);
    await soon(() => expect(names(a)).toContain("leader-lost"));
    expect(named(a, "leader-unknown")[0]).toMatchObject({
      lease: "boot/eim-pxe",
      reason: "its answer is 503",
    });
    expect(a.leadership.problem()).toMatch(/^no replica is known to answer DHCP.*503/);
    expect(b.leadership.problem()).toBeNull();
    // When it reaches it again it follows.
    cutOff.clear();
    await soon(() => expect(a.leadership.state().leader).toBe("pod-b"));
    expect(a.leadership.problem()).toBeNull();
  });

  test("what the account lacks is said", async () => {
    cluster.leases.status = () => 403;
    const a = replica("pod-a", "own-a");
    await soon(() => expect(names(a)).toContain("leader-unknown"));
    expect(a.events[0]).toMatchObject({
      reason:
        "its answer is 403: the account needs get, create and update on leases.coordination.k8s.io in the namespace boot",
    });
    expect(a.leadership.problem()).toContain("403");
  });

  test("a replica whose journal cannot be opened leaves it to another one", async () => {
    writeFileSync(join(folder, "broken"), "a file where a folder is needed");
    const a = replica("pod-a", "broken");
    await soon(() => {
      nowMs += 100;
      expect(names(a)).toContain("leader-unfit");
    });
    const b = replica("pod-b", "own-b");
    await leads(b);
    expect(names(a)).not.toContain("leader-acquired");
    expect(existsSync(join(folder, "own-b", "leases.journal"))).toBe(true);
  });

  test("a replica that was stopped for long does not act when it goes on, whatever its timers say", async () => {
    const a = replica("pod-a", "own-a");
    await leads(a);
    nowMs += 10_001;
    expect(a.leadership.isLeading()).toBe(false);
  });
});
