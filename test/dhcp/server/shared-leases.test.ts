import { describe, expect, test } from "vitest";
import { type LeaseStore, LeaseTakenError } from "../../../src/dhcp/leases/lease-store.ts";
import { isActive, type Lease, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import type { DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { message, ourAddress, selecting } from "../../support/dhcp.ts";
import { EffectSite, macA, macB, system } from "../../support/effect-site.ts";

/** What two servers share: the first one that comes has an address. Each has what it knows of it in memory. */
class Shared {
  readonly rows = new LeaseTable();
  readonly #nowMs: number;
  away = false;

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  store(): LeaseStore & { lacks: boolean; readonly written: LeaseTable } {
    const written = new LeaseTable();
    return {
      written,
      lacks: false,
      place: "the database",
      append: (lease: Lease) => {
        if (this.away) return Promise.reject(new Error("the database is away"));
        const holder = this.rows.at(lease.address);
        if (holder !== null && holder.mac !== lease.mac && isActive(holder, this.#nowMs)) {
          written.restore(holder);
          return Promise.reject(new LeaseTakenError(lease, holder));
        }
        this.rows.restore(lease);
        written.restore(lease);
        return Promise.resolve();
      },
      isWritable: () => Promise.resolve(!this.away),
      mayLackLeases() {
        return this.lacks;
      },
      noteClock: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }
}

function messageTypeOf(packet: DhcpPacket | null): number | undefined {
  return packet?.options.get(OptionCode.MESSAGE_TYPE)?.[0];
}

const at = { nowMs: 1_800_000_000_000 };

function twoServers() {
  const shared = new Shared(at.nowMs);
  const stores = [shared.store(), shared.store()] as const;
  const one = new EffectSite(new LeaseTable(), stores[0], at).withPool(
    "192.168.77.20",
    "192.168.77.21",
  );
  const other = new EffectSite(new LeaseTable(), stores[1], at).withPool(
    "192.168.77.20",
    "192.168.77.21",
  );
  return { shared, stores, one, other };
}

describe("two servers that share their leases", () => {
  test("an address that another server gave away is refused, and the machine gets another one", async () => {
    const { one, other, shared } = twoServers();
    const taken = await one.lease(macA);
    // The other server has not heard of it: it offers the same address.
    other.withPool(taken, taken);
    expect((await other.ask(macB, message(system)))?.yiaddr).toBe(taken);
    other.withPool("192.168.77.20", "192.168.77.21");
    const answer = await other.ask(macB, selecting(system, ourAddress, taken));
    expect(messageTypeOf(answer)).toBe(MessageType.NAK);
    expect(other.names()).toContain("lease-conflict");
    const address = await other.lease(macB);
    expect(address).not.toBe(taken);
    expect(shared.rows.at(taken)?.mac).toBe(macA);
    expect(shared.rows.at(address)?.mac).toBe(macB);
  });

  test("while the database is away a known machine renews for what is left, and nobody gets an address", async () => {
    const { one, shared } = twoServers();
    const address = await one.lease(macA);
    shared.away = true;
    const renewed = await one.renew(macA, address);
    expect(messageTypeOf(renewed)).toBe(MessageType.ACK);
    expect(await one.ask(macB, message(system))).toBeNull();
    expect(one.names()).toContain("journal-unwritable");
    expect(one.events.at(-1)).toMatchObject({
      event: "dhcp-failed",
      reason: "no lease can be written to the database, so no address is offered",
    });
  });

  test("while the database is away no address is offered or checked, not even one that the machine had", async () => {
    const { one, shared, stores } = twoServers();
    await one.lease(macA);
    const checked = one.checked.length;
    shared.away = true;
    stores[0].lacks = true;
    one.recovering = true;
    expect(await one.ask(macA, message(system))).toBeNull();
    expect(await one.ask(macB, message(system))).toBeNull();
    expect(one.checked).toHaveLength(checked);
    expect(one.quarantined()).toEqual([]);
  });

  test("a machine that only the other server knows is not refused while the database is away", async () => {
    const { one, other, shared } = twoServers();
    const address = await one.lease(macA);
    await other.lease(macB);
    shared.away = true;
    other.recovering = true;
    // It renews with the server that does not know it (rebinding): silence, so that it keeps what it has.
    expect(await other.renew(macA, address)).toBeNull();
    expect(messageTypeOf(await one.renew(macA, address))).toBe(MessageType.ACK);
  });
});
