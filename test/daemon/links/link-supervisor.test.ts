import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { LinkSupervisor, type Opened } from "../../../src/daemon/links/link-supervisor.ts";
import { wantedLinks } from "../../../src/daemon/links/link-plan.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { BindError } from "../../../src/lib/errors.ts";
import { type Ip4, subnetOf } from "../../../src/lib/ip4.ts";
import type { NetworkInterface } from "../../../src/net/interfaces.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { shownEvents } from "../../support/shown-events.ts";

const lookEveryMs = 2000;

function card(name: string, addresses: readonly Ip4[], index = 1): NetworkInterface {
  return {
    name,
    index,
    addresses: addresses.map((address) => ({ address, subnet: subnetOf(address, 24) })),
    up: true,
    carrier: true,
    loopback: false,
    broadcast: true,
    kind: "card",
  };
}

const eth1 = card("eth1", ["10.0.1.1"]);
const eth2 = card("eth2", ["10.0.2.1"]);
const absent = "there is no network interface eth2";

let interfaces: () => readonly NetworkInterface[];
/** What is open, such as `address 10.0.1.1` and `link eth1 10.0.1.1`, in the order of opening. */
let open: string[];
/** All that happened to these, in its order. */
let history: string[];
/** Cannot be had; by name as in `open`. */
let taken: Map<string, string>;
/** How long it takes to open what is a link's own, as in mode full, which looks for other servers first. */
let openingMs: number;
/** How long what is under way at an address still takes. */
let underWayMs: number;
/** What the log shows. */
let events: PxeEvent[];
let keeper: LinkSupervisor;

beforeEach(() => {
  vi.useFakeTimers();
  interfaces = () => [eth1, eth2];
  [open, history] = [[], []];
  const reported = shownEvents({ now: () => Date.now(), wall: () => Date.now() });
  events = reported.shown;
  taken = new Map();
  [openingMs, underWayMs] = [0, 0];
  const config = parseConfig("interfaces: [{ name: eth1 }, { name: eth2 }]", "/etc/eim-pxe.yaml");
  keeper = new LinkSupervisor({
    links: wantedLinks(config, [eth1, eth2]),
    interfaces: () => interfaces(),
    lookEveryMs,
    openAddress: ({ address }) => take(`address ${address}`),
    openLink: async ({ interface: name, address }) => {
      const own = `link ${name} ${address}`;
      const waits = openingMs > 0 && !taken.has(own);
      if (waits) await new Promise((resolve) => setTimeout(resolve, openingMs));
      return take(own);
    },
    emit: reported.emit,
  });
});
afterEach(async () => {
  await keeper.close(0);
  vi.useRealTimers();
});

function take(name: string): Promise<Opened> {
  const trouble = taken.get(name);
  if (trouble !== undefined) return Promise.reject(new BindError(trouble));
  open.push(name);
  history.push(`+ ${name}`);
  let closing = false;
  const waiting: (() => void)[] = [];
  const end = (): void => {
    open = open.filter((one) => one !== name);
    for (const resolve of waiting) resolve();
  };
  return Promise.resolve({
    sockets: [name],
    close: (graceMs) => {
      if (!closing) history.push(`- ${name}`);
      closing = true;
      return new Promise((resolve) => {
        const waitMs = name.startsWith("address") ? Math.min(graceMs, underWayMs) : 0;
        const timer = setTimeout(end, waitMs);
        waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
        if (waitMs === 0) end();
      });
    },
  });
}

async function looks(count = 1): Promise<void> {
  await vi.advanceTimersByTimeAsync(count * lookEveryMs);
}

async function started(): Promise<void> {
  await keeper.open();
  keeper.follow();
  await vi.advanceTimersByTimeAsync(1);
  history = [];
}

const told = () => events.map((event) => ("reason" in event ? event.reason : event.event));

describe("at the start", () => {
  test("opens each link after its address, and says nothing more about it", async () => {
    await keeper.open();
    const [first, second] = ["10.0.1.1", "10.0.2.1"];
    const addresses = [`+ address ${first}`, `+ address ${second}`];
    expect(history).toEqual([...addresses, `+ link eth1 ${first}`, `+ link eth2 ${second}`]);
    expect(keeper.sockets()).toEqual([
      "address 10.0.1.1",
      "address 10.0.2.1",
      "link eth1 10.0.1.1",
      "link eth2 10.0.2.1",
    ]);
    keeper.follow();
    await looks(3);
    expect(events).toEqual([]);
    expect(keeper.state()).toEqual({ anyServed: true, problems: [] });
  });

  test("waits for the slowest link, not for one after the other", async () => {
    openingMs = 2500;
    const opening = keeper.open();
    await vi.advanceTimersByTimeAsync(2499);
    expect(open.filter((one) => one.startsWith("link"))).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    await opening;
    expect(open.filter((one) => one.startsWith("link"))).toHaveLength(2);
  });

  test("fails at once when one link does, and closes what the others still open", async () => {
    openingMs = 2500;
    taken.set("link eth1 10.0.1.1", "another DHCP server answers");
    await expect(keeper.open()).rejects.toThrow("another DHCP server answers");
    const closing = keeper.close(0);
    await vi.advanceTimersByTimeAsync(2500);
    await closing;
    expect(history).toContain("+ link eth2 10.0.2.1");
    expect(open).toEqual([]);
  });

  test("tells what the other links lack once it follows them", async () => {
    interfaces = () => [eth1];
    await started();
    const down = { event: "link-down", interface: "eth2", address: null, reason: absent };
    expect(events).toEqual([down]);
    expect(keeper.state()).toEqual({ anyServed: true, problems: [absent] });
  });

  test("fails when what is there cannot be bound", async () => {
    taken.set("link eth2 10.0.2.1", "port 67 is taken");
    await expect(keeper.open()).rejects.toThrow("port 67 is taken");
    await keeper.close(0);
    expect(open).toEqual([]);
  });
});

describe("a link", () => {
  test("that goes and comes is closed and opened, and the other one is not touched", async () => {
    await started();
    interfaces = () => [eth1];
    await looks();
    expect(history).toEqual(["- link eth2 10.0.2.1", "- address 10.0.2.1"]);
    interfaces = () => [eth1, eth2];
    await looks();
    expect(events).toEqual([
      { event: "link-down", interface: "eth2", address: "10.0.2.1", reason: absent },
      {
        event: "link-up",
        interface: "eth2",
        address: "10.0.2.1",
        mode: "proxy",
        sockets: ["address 10.0.2.1", "link eth2 10.0.2.1"],
      },
    ]);
    expect(open).toHaveLength(4);
  });

  test("that comes together with another one is opened beside it", async () => {
    interfaces = () => [];
    await started();
    interfaces = () => [eth1, eth2];
    openingMs = 2500;
    await looks();
    await vi.advanceTimersByTimeAsync(2500);
    expect(open.filter((one) => one.startsWith("link"))).toHaveLength(2);
  });

  test("that was made anew keeps its address open, and only its own is opened anew", async () => {
    await started();
    interfaces = () => [eth1, card("eth2", ["10.0.2.1"], 5)];
    await looks();
    expect(history).toEqual(["- link eth2 10.0.2.1", "+ link eth2 10.0.2.1"]);
    expect(told()).toEqual(["the device was removed and made anew", "link-up"]);
  });

  test("whose address changed moves", async () => {
    await started();
    interfaces = () => [eth1, card("eth2", ["10.0.3.1"])];
    await looks();
    expect(history).toEqual([
      "- link eth2 10.0.2.1",
      "+ address 10.0.3.1",
      "+ link eth2 10.0.3.1",
      "- address 10.0.2.1",
    ]);
    expect(keeper.sockets()).toContain("link eth2 10.0.3.1");
  });

  test("that exchanges its address with another one is served as that one was", async () => {
    await started();
    interfaces = () => [card("eth1", ["10.0.2.1"]), card("eth2", ["10.0.1.1"])];
    await looks();
    expect(open.toSorted()).toEqual([
      "address 10.0.1.1",
      "address 10.0.2.1",
      "link eth1 10.0.2.1",
      "link eth2 10.0.1.1",
    ]);
    expect(history.filter((one) => one.includes("address"))).toEqual([]);
  });

  test("that cannot be bound is tried again at each look, and told ever more rarely", async () => {
    await started();
    interfaces = () => [eth1, card("eth2", ["10.0.3.1"])];
    taken.set("link eth2 10.0.3.1", "port 67 is taken");
    await looks();
    expect(told()).toEqual(["its address is now 10.0.3.1", "port 67 is taken"]);
    expect(open).toEqual(["address 10.0.1.1", "link eth1 10.0.1.1"]);
    // Six hours: after a minute, two, four, …, and then each hour.
    await vi.advanceTimersByTimeAsync(6 * 3_600_000);
    expect(
      told()
        .slice(1)
        .every((reason) => reason === "port 67 is taken"),
    ).toBe(true);
    expect(told().length).toBeGreaterThan(6);
    expect(told().length).toBeLessThan(16);
    expect(keeper.state().problems).toEqual(["port 67 is taken"]);
    taken.clear();
    await looks();
    expect(events.at(-1)).toMatchObject({ event: "link-up", address: "10.0.3.1" });
    expect(keeper.state().problems).toEqual([]);
  });

  test("whose address is taken leaves nothing half open", async () => {
    interfaces = () => [eth1];
    await started();
    taken.set("address 10.0.2.1", "port 8080 is taken");
    interfaces = () => [eth1, eth2];
    await looks(2);
    expect(told()).toEqual([absent, "port 8080 is taken"]);
    expect(open).toEqual(["address 10.0.1.1", "link eth1 10.0.1.1"]);
  });
});

test("what is under way at an address that is gone has a minute, and less when the server stops", async () => {
  await started();
  underWayMs = 1_000_000;
  interfaces = () => [eth1];
  await looks();
  expect(open).toContain("address 10.0.2.1");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(open).not.toContain("address 10.0.2.1");
  interfaces = () => [];
  await looks();
  expect(open).toEqual(["address 10.0.1.1"]);
  const closing = keeper.close(4000);
  await vi.advanceTimersByTimeAsync(4000);
  await closing;
  expect(open).toEqual([]);
});

test("no link is left: that is told, and the server goes on looking", async () => {
  await started();
  interfaces = () => [];
  await looks();
  expect(keeper.state()).toEqual({
    anyServed: false,
    problems: ["there is no network interface eth1", absent],
  });
  interfaces = () => [eth2];
  await looks();
  expect(keeper.state().anyServed).toBe(true);
});

test("a look at which the kernel tells nothing changes nothing", async () => {
  await started();
  interfaces = () => {
    throw new BindError("too many open files");
  };
  await looks(2);
  expect(history).toEqual([]);
  interfaces = () => [eth2];
  await looks();
  expect(open).toEqual(["address 10.0.2.1", "link eth2 10.0.2.1"]);
});

test("an address that goes from one link to another is not closed in between", async () => {
  interfaces = () => [eth1];
  await started();
  interfaces = () => [card("eth2", ["10.0.1.1"])];
  await looks();
  expect(history).toEqual(["- link eth1 10.0.1.1", "+ link eth2 10.0.1.1"]);
});

test("nothing is opened any more once it is closed", async () => {
  interfaces = () => [eth1];
  await started();
  interfaces = () => [eth1, eth2];
  await keeper.close(0);
  await looks(3);
  expect(history.filter((one) => one.startsWith("+"))).toEqual([]);
  expect(open).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
