import { describe, expect, test } from "vitest";
import { Election } from "../../../src/daemon/leader/election.ts";
import { type LeaseObject, readLeaseObject } from "../../../src/daemon/leader/lease-object.ts";

const leaseSeconds = 15;
const replica = (identity: string) => new Election({ name: "eim-pxe", identity, leaseSeconds });

/** An API server's only object, and its clock, which all replicas share here. */
class Site {
  object: LeaseObject | null = null;
  nowMs = 0;
  #version = 0;

  /** Whether this replica wrote the object, as it does at each of its looks. */
  look(election: Election, { wallMs = 0, journal = null as string | null } = {}): boolean {
    const write = election.next(this.object, this.nowMs, { journal, wallMs });
    if (write === null) return false;
    const object = readLeaseObject(structuredClone(write.object));
    const resourceVersion = String(++this.#version);
    this.object = { ...object, metadata: { ...object.metadata, resourceVersion } };
    election.written(this.nowMs);
    return true;
  }

  pass(seconds: number): void {
    this.nowMs += seconds * 1000;
  }
}

/** The first look that leads, among looks every two seconds. */
function leadsAfter(site: Site, election: Election, wallMs: () => number = () => 0): number {
  const startMs = site.nowMs;
  for (let looks = 0; looks < 200; looks++) {
    if (site.look(election, { wallMs: wallMs() })) return (site.nowMs - startMs) / 1000;
    site.pass(2);
  }
  return Infinity;
}

function started(): { readonly site: Site; readonly leader: Election } {
  const site = new Site();
  const leader = replica("a");
  leadsAfter(site, leader);
  return { site, leader };
}

describe("an election", () => {
  test("waits as long as a lease before it creates an object that is missing: another one may have led by it", () => {
    const site = new Site();
    expect(leadsAfter(site, replica("a"))).toBe(16);
    expect(site.object?.spec).toMatchObject({ holderIdentity: "a", leaseDurationSeconds: 15 });
  });

  test("takes an object at once that was given up", () => {
    const { site } = started();
    site.object = readLeaseObject({
      metadata: { name: "eim-pxe" },
      spec: { holderIdentity: null, leaseTransitions: 4 },
    });
    const other = replica("b");
    expect(site.look(other)).toBe(true);
    expect(site.object.spec?.leaseTransitions).toBe(5);
  });

  test("takes over when the holder was silent for the whole lease, and no sooner", () => {
    const { site } = started();
    const other = replica("b");
    expect(leadsAfter(site, other)).toBe(16);
    expect(other.isLeading(site.nowMs)).toBe(true);
  });

  test("the holder stops acting before another one may take over, whatever the two looks were", () => {
    for (let gapMs = 0; gapMs < 2000; gapMs += 250) {
      const { site, leader } = started();
      const other = replica("b");
      site.nowMs += gapMs;
      // The other one looks just before and just after the last sign of life.
      site.look(other);
      expect(site.look(leader)).toBe(true);
      const lastSignMs = site.nowMs;
      const takenMs = lastSignMs + leadsAfter(site, other) * 1000;
      expect(leader.isLeading(lastSignMs + 9999)).toBe(true);
      expect(leader.isLeading(lastSignMs + 10_000)).toBe(false);
      expect(takenMs).toBeGreaterThanOrEqual(lastSignMs + 15_000);
    }
  });

  test("clocks that are set, or wrong by years, do no harm", () => {
    const { site, leader } = started();
    const other = replica("b");
    for (const wallMs of [4e12, 0, 1e12, 3e12, 5]) {
      site.pass(2);
      expect(site.look(leader, { wallMs })).toBe(true);
      site.pass(2);
      expect(site.look(other, { wallMs: 9e12 - wallMs })).toBe(false);
    }
    let wallMs = 0;
    expect(leadsAfter(site, other, () => (wallMs += 1e11))).toBe(16);
  });

  test("ceases at once when it sees that another one holds the object", () => {
    const { site, leader } = started();
    const other = replica("b");
    leadsAfter(site, other);
    // It was stopped for a while, and its own time is not over by a clock that stood still.
    leader.written(site.nowMs);
    expect(leader.isLeading(site.nowMs)).toBe(true);
    expect(site.look(leader)).toBe(false);
    expect(leader.isLeading(site.nowMs)).toBe(false);
    expect(leader.holder(site.nowMs)).toBe("b");
  });

  test("goes on after it could not write for a while and nobody else has taken over", () => {
    const { site, leader } = started();
    site.pass(60);
    expect(leader.isLeading(site.nowMs)).toBe(false);
    expect(site.look(leader)).toBe(true);
    expect(leader.isLeading(site.nowMs)).toBe(true);
  });

  test("the leader writes an object anew that was deleted; another replica does not get in between", () => {
    const { site, leader } = started();
    const other = replica("b");
    site.look(other);
    site.object = null;
    expect(site.look(other)).toBe(false);
    site.pass(2);
    expect(site.look(leader)).toBe(true);
    site.pass(12);
    expect(site.look(other)).toBe(false);
  });

  test("keeps what others wrote into the object", () => {
    const { site, leader } = started();
    const { object } = site;
    if (object === null) throw new Error("nobody leads");
    const annotations = { note: "ours", "eim-pxe/journal": "j" };
    const metadata = { ...object.metadata, labels: { team: "x" }, annotations };
    site.object = { ...object, metadata };
    expect(site.look(leader, { journal: null })).toBe(true);
    expect(site.object.metadata).toMatchObject({ labels: { team: "x" } });
    expect(site.object.metadata.annotations).toEqual({ note: "ours" });
    expect(site.look(leader, { journal: "k" })).toBe(true);
    expect(site.object.metadata.annotations).toEqual({ note: "ours", "eim-pxe/journal": "k" });
  });

  test.each([
    [60, 60],
    [5, 16],
    [1e9, 300],
  ])("of a lease of %d s by another configuration it waits %d s", (seconds, waited) => {
    const { site } = started();
    const { object } = site;
    if (object === null) throw new Error("nobody leads");
    site.object = { ...object, spec: { ...object.spec, leaseDurationSeconds: seconds } };
    expect(leadsAfter(site, replica("b"))).toBe(waited);
  });
});
