import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isQuarantine, LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { ConflictChecks } from "../../../src/dhcp/server/conflict-checks.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { fullLink, message, ourAddress, selecting } from "../../support/dhcp.ts";
import { emptyNode } from "../../../src/boot/node.ts";

import { EffectSite, macA, macB, system } from "../../support/effect-site.ts";
const other = (uses: boolean) => Promise.resolve(uses ? ("other" as const) : ("nobody" as const));

describe("before an address is offered", () => {
  test("it is checked whether it is in use, once for each offer, and not for a machine's own lease", async () => {
    const site = new EffectSite();
    const address = (await site.ask(macA, message(system)))?.yiaddr ?? "";
    await site.ask(macA, message(system));
    expect(site.checked).toEqual([address]);
    await site.ask(macA, selecting(system, ourAddress, address));
    await site.ask(macA, message(system));
    expect(site.checked).toEqual([address]);
    site.nowMs += 4_000_000;
    await site.ask(macA, message(system));
    expect(site.checked).toEqual([address, address]);
  });

  test("a copy of the DHCPDISCOVER is answered when the check is over, with the address that is free", async () => {
    const site = new EffectSite();
    let over = (): void => {};
    const ending = new Promise<void>((resolve) => (over = resolve));
    site.usedBy = async () => {
      await ending;
      return site.checked.length === 1 ? "other" : "nobody";
    };
    const asking = [site.ask(macA, message(system)), site.ask(macA, message(system))];
    await nextTurn();
    expect(site.replies).toEqual([]);
    over();
    await Promise.all(asking);
    const [squatted, free] = site.checked;
    expect(site.replies.map(({ yiaddr }) => yiaddr)).toEqual([free, free]);
    expect(free).not.toBe(squatted);
    expect(site.checked).toHaveLength(2);
  });

  test("an address in use goes into quarantine, which survives a restart, and another one is offered", async () => {
    const site = new EffectSite();
    let squatted = "";
    site.usedBy = (_, address) => other((squatted ||= address) === address);
    const offer = await site.ask(macA, message(system));
    expect(offer?.yiaddr).toMatch(/^192\.168\.77\./);
    expect(offer?.yiaddr).not.toBe(squatted);
    expect(site.disk.written.at(squatted)?.state).toBe("in-use");
    expect(site.names()).toEqual(["address-in-use"]);
    expect(site.events[0]).toMatchObject({ mac: macA, address: squatted });
    expect(site.replies).toHaveLength(1);
  });

  test("a host that ARP knew there before may have left only where a lease may have brought it", async () => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.100");
    const stranger = "52:54:00:00:00:99";
    const mayHaveLeft: boolean[] = [];
    let use: "other" | "nobody" = "nobody";
    site.usedBy = (_, _address, _mac, how) => {
      mayHaveLeft.push(how.mayHaveLeft(stranger), how.mayHaveLeft(macA));
      return Promise.resolve(use);
    };
    await site.lease(macA);
    expect(mayHaveLeft.splice(0)).toEqual([false, false]);
    site.nowMs += 4_000_000;
    use = "other";
    // No other is left, so it is offered, and in quarantine no longer.
    await site.ask(macB, message(system));
    expect(mayHaveLeft.splice(0)).toEqual([true, true]);
    site.nowMs += 4_000_000;
    await site.ask(macB, message(system));
    expect(mayHaveLeft.splice(0, 2)).toEqual([false, false]);
  });

  test("a reserved address in use is offered all the same, and reported", async () => {
    const site = new EffectSite();
    site.node = { ...emptyNode, mac: macA, address: "192.168.77.20" };
    site.usedBy = () => other(true);
    expect(await site.lease(macA)).toBe("192.168.77.20");
    expect(site.names()).toEqual(["address-in-use", "lease-granted"]);
    expect(site.quarantined()).toEqual([]);
  });

  test("a reserved address is offered although something answers for all, also where there is no pool", async () => {
    const site = new EffectSite();
    site.link = { ...fullLink, full: { ...fullLink.full, pools: [] } };
    site.usedBy = () => other(true);
    for (const mac of machines(30)) {
      site.node = { ...emptyNode, mac, address: `192.168.77.${20 + Number(`0x${mac.slice(-2)}`)}` };
      expect(await site.lease(mac)).toBe(site.node.address);
    }
    expect(site.names().filter((name) => name === "address-in-use")).toHaveLength(3);
    expect(site.names().filter((name) => name === "conflict-check-unreliable")).toHaveLength(1);
  });

  test("the address that has been in quarantine longest is offered when no other is left", async () => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.102");
    let squatters: readonly string[] = ["192.168.77.100", "192.168.77.101"];
    site.usedBy = (_, address) => other(squatters.includes(address));
    for (const mac of machines(3)) await site.lease(mac);
    const addresses = machines(3).map(
      (mac) => site.leases.ofMachine(mac, fullLink.subnet)?.address,
    );
    expect(new Set(addresses)).toEqual(
      new Set(["192.168.77.100", "192.168.77.101", "192.168.77.102"]),
    );
    expect(site.quarantined()).toEqual([]);
    squatters = [];
    expect(await site.lease("52:54:00:00:01:99")).toBe("");
    expect(site.names()).toContain("pool-full");
  });

  test("the older of two quarantines goes first, and the machine that found the other keeps its offer", async () => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.102");
    for (const [n, at] of [
      ["100", 5000],
      ["102", 3000],
    ] as const) {
      const former = { mac: macB, address: `192.168.77.${n}`, startedAtMs: 0, hostname: null };
      const expiresAtMs = site.nowMs + at;
      const network = "192.168.77.0/24";
      site.leases.restore({ ...former, network, clientId: null, state: "in-use", expiresAtMs });
    }
    const offered = (await site.ask(macB, message(system)))?.yiaddr;
    expect(offered).toBe("192.168.77.101");
    expect((await site.ask(macA, message(system)))?.yiaddr).toBe("192.168.77.102");
    const taken = await site.ask(macA, selecting(system, ourAddress, "192.168.77.102"));
    expect(taken?.yiaddr).toBe("192.168.77.102");
    expect(site.offers.ofMachine(macB, fullLink.subnet, site.nowMs)?.address).toBe(offered);
  });
});

/** So many hardware addresses. */
const machines = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, n) => `52:54:00:00:01:${n.toString(16).padStart(2, "0")}`);

test("a pool that begins with the fixed addresses of many hosts is checked all the same, and none of these given out", async () => {
  const site = new EffectSite().withPool("192.168.77.2", "192.168.77.254");
  const isFixed = (address: string) => Number(address.split(".")[3]) <= 30;
  site.usedBy = (_, address) => other(isFixed(address));
  const leased = [];
  for (const mac of machines(100)) leased.push(await site.lease(mac));
  expect(new Set(leased).size).toBe(100);
  expect(leased.filter(isFixed)).toEqual([]);
  expect(site.names()).not.toContain("conflict-check-unreliable");
});

test("each of some fixed addresses is found when many machines ask at once: hosts answer before it is known that none does", async () => {
  const site = new EffectSite().withPool("192.168.77.100", "192.168.77.149");
  const isFixed = (address: string) => Number(address.split(".")[3]) % 5 === 0;
  let noneAnswers = (): void => {};
  const tenthOfASecond = new Promise<void>((resolve) => (noneAnswers = resolve));
  site.usedBy = async (_, address) => {
    if (isFixed(address)) return "other";
    await tenthOfASecond;
    return "nobody";
  };
  const asking = machines(30).map((mac) => site.lease(mac));
  await nextTurn();
  expect(site.names().filter((name) => name === "address-in-use").length).toBeGreaterThan(3);
  noneAnswers();
  const leased = await Promise.all(asking);
  expect(leased.filter((address) => address === "" || isFixed(address))).toEqual([]);
  expect(site.names()).not.toContain("conflict-check-unreliable");
});

describe("the last address in quarantine", () => {
  test.each([
    ["declined", (site: EffectSite, address: string) => site.decline(macB, address)],
    [
      "in-use",
      async (site: EffectSite, address: string) => {
        await site.ask(macB, message(system, MessageType.RELEASE), address);
        site.nowMs += 4_000_000;
        const held = site.leases.at(address);
        if (held === null) throw new Error(`${address} is not on record`);
        site.leases.restore({ ...held, state: "in-use", expiresAtMs: site.nowMs + 1000 });
      },
    ],
  ] as const)("is offered to one of several machines that ask at once (%s)", async (_, occupy) => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.100");
    await occupy(site, await site.lease(macB));
    expect(site.quarantined()).toEqual(["192.168.77.100"]);
    const offers = await Promise.all(machines(5).map((mac) => site.ask(mac, message(system))));
    expect(offers.flatMap((offer) => offer?.yiaddr ?? [])).toEqual(["192.168.77.100"]);
    expect(site.names().filter((name) => name === "pool-full")).toHaveLength(4);
  });

  test("is held for nobody when it cannot be checked", async () => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.100");
    await site.decline(macB, await site.lease(macB));
    site.usedBy = () => Promise.resolve(null);
    expect(await site.ask(macA, message(system))).toBeNull();
    expect(site.offers.size).toBe(0);
  });
});

describe("where something answers for every address", () => {
  test("sixty of sixty machines get an address from a pool of a hundred, and nothing is quarantined", async () => {
    const site = new EffectSite();
    site.usedBy = () => other(true);
    const leased = [];
    for (const mac of machines(60)) leased.push(await site.lease(mac));
    expect(leased.filter((address) => address.startsWith("192.168.77."))).toHaveLength(60);
    expect(new Set(leased).size).toBe(60);
    expect(site.quarantined()).toEqual([]);
    expect(site.disk.written.all().filter(isQuarantine)).toEqual([]);
    expect(new Set(site.checked).size).toBe(3);
    expect(leased[0]).toBe(site.checked[0]);
    expect(site.events).toContainEqual({
      event: "conflict-check-unreliable",
      interface: fullLink.interface,
      network: "192.168.77.0/24",
    });
  });

  test("the same when they all ask at once, and when only the first are checked", async () => {
    for (const most of [Infinity, 20]) {
      const site = new EffectSite();
      site.usedBy = () => Promise.resolve(site.checked.length > most ? null : "other");
      const leased = await Promise.all(machines(60).map((mac) => site.lease(mac)));
      expect(leased.filter((address) => address.startsWith("192.168.77."))).toHaveLength(60);
      expect(new Set(leased).size).toBe(60);
      expect(site.quarantined()).toEqual([]);
      expect(site.names().filter((name) => name === "conflict-check-unreliable")).toHaveLength(1);
    }
  });

  test("a machine keeps its former address", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.nowMs += 4_000_000;
    site.usedBy = () => other(true);
    expect((await site.ask(macA, message(system)))?.yiaddr).toBe(address);
    expect(site.leases.ofMachine(macA, fullLink.subnet)?.address).toBe(address);
  });

  test("they are checked again after ten minutes", async () => {
    const site = new EffectSite();
    site.usedBy = () => other(true);
    await site.lease(macA);
    site.nowMs += 599_000;
    await site.lease(macB);
    expect(site.checked).toHaveLength(3);
    site.nowMs += 1000;
    site.usedBy = () => other(false);
    await site.lease("52:54:00:00:00:0c");
    expect(site.checked).toHaveLength(4);
  });

  test("a network behind a relay agent is judged for itself", async () => {
    const relayed = { subnet: { network: "10.9.0.0", prefixLength: 24 }, full: fullLink.full };
    const conflicts = new ConflictChecks({
      leases: new LeaseTable(),
      usedBy: () => other(true),
      emit: () => {},
      clock: { now: () => 0, wall: () => 0 },
    });
    const link = { ...fullLink, relayed: [relayed] };
    const believed = [1, 2, 3].map((n) => conflicts.foundInUse(link, `10.9.0.${n}`, null));
    expect(believed).toEqual([true, true, false]);
    expect(conflicts.areReliable(link, "10.9.0.9")).toBe(false);
    expect(conflicts.areReliable(link, "192.168.77.9")).toBe(true);
  });
});
