import { describe, expect, test } from "vitest";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { message, ourAddress, selecting } from "../../support/dhcp.ts";
import { EffectSite, macA, macB, system } from "../../support/effect-site.ts";
import { emptyNode } from "../../../src/boot/node.ts";

const attacker = (n: number) =>
  `02:00:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;

/** A site with a reserved address, leased by its machine. */
async function reservedSite() {
  const site = new EffectSite();
  site.node = { ...emptyNode, mac: macA, address: "192.168.77.20" };
  expect(await site.lease(macA)).toBe("192.168.77.20");
  return site;
}

describe("field fault 44: a DHCPDECLINE in a machine's name", () => {
  test.each([
    ["answers itself", "machine"],
    ["does not answer, nor any other", "nobody"],
  ] as const)("changes nothing for a reserved address at which the machine %s", async (_, use) => {
    const site = await reservedSite();
    site.usedBy = () => Promise.resolve(use);
    for (let n = 0; n < 10; n++) await site.decline(macA, "192.168.77.20");
    expect(site.quarantined()).toEqual([]);
    expect(site.disk.written.at("192.168.77.20")?.state).toBe("bound");
    expect((await site.renew(macA, "192.168.77.20"))?.yiaddr).toBe("192.168.77.20");
    expect(await site.lease(macA)).toBe("192.168.77.20");
    expect(site.names()).toContain("decline-doubted");
  });

  test("changes nothing for an address of the pool at which the machine answers", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.usedBy = () => Promise.resolve("machine");
    await site.decline(macA, address);
    expect((await site.renew(macA, address))?.yiaddr).toBe(address);
    expect(site.names().slice(1)).toEqual(["decline-doubted", "lease-granted"]);
  });

  test("is believed where another host answers: for ten minutes of a reserved address, else for an hour", async () => {
    const site = await reservedSite();
    const pooled = await site.lease(macB);
    site.usedBy = () => Promise.resolve("other");
    await site.decline(macA, "192.168.77.20");
    await site.decline(macB, pooled);
    expect(site.quarantined()).toEqual(["192.168.77.20", pooled]);
    site.usedBy = () => Promise.resolve("nobody");
    expect(await site.lease(macA)).toMatch(/^192\.168\.77\.1/);
    site.nowMs += 600_000;
    expect(site.quarantined()).toEqual([pooled]);
    expect(await site.lease(macA)).toBe("192.168.77.20");
  });

  test("at which nobody answers ends a lease of the pool, and costs the pool ten minutes", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    await site.decline(macA, address);
    expect(site.quarantined()).toEqual([address]);
    expect(await site.lease(macA)).not.toBe(address);
    site.nowMs += 600_000;
    expect(site.quarantined()).toEqual([]);
  });

  test("is moot when the machine gets the address anew while it is checked", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.usedBy = async () => {
      await site.renew(macA, address);
      return "other";
    };
    await site.decline(macA, address);
    expect(site.leases.at(address)?.state).toBe("bound");
  });
});

describe("a machine that starts over at once after its DHCPDECLINE", () => {
  test.each(["other", "nobody"] as const)(
    "is offered another address, also while that is checked (%s)",
    async (use) => {
      const site = new EffectSite();
      const address = await site.lease(macA);
      let settle = (): void => {};
      const checked = new Promise<typeof use>((resolve) => (settle = () => resolve(use)));
      site.usedBy = (_, asked) => (asked === address ? checked : Promise.resolve("nobody"));
      const declining = site.decline(macA, address);
      const again = site.lease(macA);
      settle();
      await declining;
      expect(await again).not.toBe(address);
      expect(site.quarantined()).toEqual([address]);
    },
  );

  test("gets its address again where the DHCPDECLINE is not believed", async () => {
    const site = await reservedSite();
    site.usedBy = () => Promise.resolve("machine");
    const [, again] = await Promise.all([site.decline(macA, "192.168.77.20"), site.lease(macA)]);
    expect(again).toBe("192.168.77.20");
  });

  test("waits no longer than for its own, which may fail", async () => {
    const site = new EffectSite();
    const address = await site.lease(macA);
    site.disk.full = true;
    const declining = site.decline(macA, address);
    const again = site.ask(macA, message(system));
    site.disk.full = false;
    await declining;
    expect((await again)?.yiaddr).not.toBe(address);
  });
});

describe("field fault 16: DHCPDECLINEs of one machine", () => {
  test("put three addresses out of use, and no more", async () => {
    const site = new EffectSite();
    const declined = new Set<string>();
    for (let n = 0; n < 30; n++) {
      const address = await site.lease(macA);
      declined.add(address);
      await site.decline(macA, address);
      site.nowMs += 1000;
    }
    expect(declined.size).toBe(30);
    expect(site.quarantined()).toHaveLength(3);
    const flood = site.events.filter(({ event }) => event === "dhcp-flood");
    expect(flood).toHaveLength(27);
  });

  test("are as quickly judged in a pool of millions of addresses", async () => {
    const site = new EffectSite().withPool("10.0.0.10", "10.255.255.250");
    const subnet = { network: "10.0.0.0", prefixLength: 8 };
    site.link = { ...site.link, address: "10.0.0.1", subnet };
    site.usedBy = () => Promise.resolve("machine");
    const address = (await site.ask(macA, message(system)))?.yiaddr ?? "";
    const options = selecting(system, "10.0.0.1", address);
    await site.ask(macA, options);
    for (let n = 0; n < 200; n++) {
      await site.ask(macA, { ...options, ...message({}, MessageType.DECLINE) });
      site.nowMs += 600_000;
      await site.ask(macA, options);
    }
    expect(site.leases.at(address)?.state).toBe("bound");
  });

  test("do not drain the pool where something answers for every address", async () => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.109");
    for (let n = 0; n < 8; n++) {
      const address = await site.lease(attacker(n));
      site.usedBy = () => Promise.resolve("other");
      await site.decline(attacker(n), address);
    }
    expect(site.quarantined().length).toBeLessThanOrEqual(5);
    expect(site.names()).toContain("conflict-check-unreliable");
    expect(await site.lease(macA)).toMatch(/^192\.168\.77\.10/);
  });
});

describe("field fault 43: addresses taken and declined by ever new machines", () => {
  /** As many leases as the pool has room for, each declined at once. */
  async function attack(site: EffectSite, count = 98, from = 0): Promise<void> {
    for (let n = from; n < from + count; n++) {
      const address = await site.lease(attacker(n));
      if (address !== "") await site.decline(attacker(n), address);
      site.nowMs += 120;
    }
  }

  test("cost no machine its address: one with an entry, one with a former lease, and a new one get one", async () => {
    const site = new EffectSite();
    const former = await site.lease(macB);
    await site.ask(macB, message(system, MessageType.RELEASE), former);
    await attack(site);
    await attack(site, 98, 1000);
    site.node = { ...emptyNode, mac: macA };
    for (const mac of [macA, macB, "52:54:00:00:00:0c"]) {
      expect(await site.lease(mac)).toMatch(/^192\.168\.77\.1/);
    }
    expect(site.quarantined().length).toBeLessThan(30);
  });

  test("and none after a restart: what is in quarantine is checked, and taken when no other address is left", async () => {
    const first = new EffectSite().withPool("192.168.77.100", "192.168.77.105");
    await attack(first, 6);
    expect(first.quarantined()).toHaveLength(6);
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.105");
    for (const one of first.disk.written.all()) site.leases.restore(one);
    site.nowMs = first.nowMs;
    const inUse = "192.168.77.103";
    site.usedBy = (_, address) => Promise.resolve(address === inUse ? "other" : "nobody");
    const leased = [];
    for (let n = 0; n < 5; n++) leased.push(await site.lease(`52:54:00:00:01:0${n}`));
    expect(new Set(leased).size).toBe(5);
    expect(leased).not.toContain(inUse);
  });

  test.each(["nobody", "somebody"] as const)(
    "put at most half of the pool out of use where it cannot be checked (%s)",
    async (use) => {
      const site = new EffectSite().withPool("192.168.77.100", "192.168.77.109");
      // Also a network behind a relay agent, where an echo does not tell who sent it.
      site.usedBy = () => Promise.resolve(use === "nobody" ? null : use);
      for (let n = 0; n < 40; n++) {
        const offer = await site.ask(attacker(n), message(system));
        if (offer === null) continue;
        await site.ask(attacker(n), selecting(system, ourAddress, offer.yiaddr));
        await site.decline(attacker(n), offer.yiaddr);
      }
      const declined = site.leases.all().filter(({ state }) => state === "declined");
      expect(declined.length).toBeGreaterThan(0);
      expect(site.quarantined().length).toBeLessThanOrEqual(5);
      site.usedBy = () => Promise.resolve(null);
      expect(await site.lease(macA)).toMatch(/^192\.168\.77\.10/);
      for (let n = 40; n < 50; n++) await site.lease(attacker(n));
      const full = site.events.filter(({ event }) => event === "pool-full").at(-1);
      const [leased, quarantined] = [10 - site.quarantined().length, site.quarantined().length];
      expect(full).toMatchObject({ addresses: 10, leased, quarantined, kept: 0 });
    },
  );

  const wide = { ...emptyNode, wildcards: { mac: "02:*" } };

  test.each([
    ["", null],
    [", whose own a wildcard fits", wide],
  ])(
    "leases of ever new machines leave a tenth of the pool for machines with an entry%s",
    async (_, all) => {
      const site = new EffectSite().withPool("192.168.77.100", "192.168.77.119");
      site.node = { ...emptyNode, mac: macA };
      site.wide = all;
      const leased = [];
      for (let n = 0; n < 40; n++) leased.push(await site.lease(attacker(n)));
      expect(leased.filter((address) => address !== "")).toHaveLength(19);
      const full = { addresses: 20, leased: 19, quarantined: 0, kept: 1 };
      expect(site.events.find(({ event }) => event === "pool-full")).toMatchObject(full);
      expect(await site.lease(macA)).toBe("192.168.77.119");
    },
  );

  test("machines that a wildcard fits decline no more than unknown ones", async () => {
    const [unknown, fitting] = [new EffectSite(), new EffectSite()];
    fitting.wide = wide;
    for (const site of [unknown, fitting]) await attack(site, 98);
    expect(fitting.quarantined()).toHaveLength(unknown.quarantined().length);
    expect(fitting.quarantined().length).toBeLessThan(40);
  });

  test("a machine keeps an address that is kept for others from now on", async () => {
    const site = new EffectSite().withPool("192.168.77.100", "192.168.77.109");
    const leased = [];
    for (let n = 0; n < 10; n++) leased.push(await site.lease(attacker(n)));
    const last = leased.indexOf("192.168.77.109");
    site.node = { ...emptyNode, mac: macA };
    expect((await site.renew(attacker(last), "192.168.77.109"))?.yiaddr).toBe("192.168.77.109");
  });
});
