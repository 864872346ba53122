import { existsSync, readdirSync } from "node:fs";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MachineIdentity } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { bootMachine, type MachineBoot } from "../../../src/pxe-client/simulated-machine.ts";
import { loadSettings } from "../../../src/daemon/settings/settings.ts";
import { wantedLinks } from "../../../src/daemon/links/link-plan.ts";
import { startServices } from "../../../src/daemon/daemon.ts";
import type { Services } from "../../../src/daemon/services.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { type Ip4, subnetOf } from "../../../src/lib/ip4.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import { serverUdp } from "../../support/transfer-socket.ts";
import type { NetworkInterface } from "../../../src/net/interfaces.ts";
import type { UdpEndpoint } from "../../../src/net/udp.ts";
import { createLog } from "../../../src/observe/log.ts";
import { complaintsOf } from "../../support/complaints.ts";
import { ServedSite } from "../../support/served-site.ts";
import { TftpClient } from "../../support/tftp-client.ts";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";

/*
 * The whole program with real sockets on loopback, which has every address that begins with 127; the
 * interfaces that have them are made up.
 */

const pool = (network: string) =>
  `{ mode: full, subnet: ${network}.0.0/16, pools: [${network}.9.1-${network}.9.50] }`;
const links = `
interfaces:
  - { name: eth1, dhcp: ${pool("127.81")} }
  - { name: eth2.20, dhcp: ${pool("127.82")} }
`;

function card(name: string, address: Ip4, index = 1): NetworkInterface {
  const addresses = [{ address, subnet: subnetOf(address, 16) }];
  const facts = {
    up: true,
    carrier: true,
    loopback: false,
    broadcast: true,
    kind: "card",
  } as const;
  return { name, index, addresses, ...facts };
}

const eth1 = card("eth1", "127.81.0.1");

let site: ServedSite;
let services: Services;
let interfaces: readonly NetworkInterface[];
/** By address of ours: the ports that were taken there last. */
let dhcp: Map<Ip4, UdpEndpoint>;
let tftpPorts: Map<Ip4, number>;
/** What a link's server socket waits for before it opens. */
let beforeDhcp: (address: Ip4) => Promise<void>;
const opened: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  site = await ServedSite.openMirrored();
  [dhcp, tftpPorts] = [new Map(), new Map()];
  interfaces = [eth1];
  beforeDhcp = () => Promise.resolve();
});
afterEach(async () => {
  await services.close(0);
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await site.close();
});

async function start(more = ""): Promise<void> {
  const text = ["dataDir: data", links, "http: { port: 0 }", 'admin: { listen: "127.0.0.1:0" }'];
  const artifacts = "artifacts: { loaderDirs: [loaders] }";
  const file = site.write(
    "links.yaml",
    [...text, artifacts, more || "tftp: { port: 0 }"].join("\n"),
  );
  const settings = loadSettings(file, {});
  const out = new PassThrough();
  services = await startServices({
    settings,
    links: wantedLinks(settings.config, interfaces),
    interfaces: () => interfaces,
    lookEveryMs: 5,
    openDhcpSocket: async ({ address }, port) => {
      if (port === 67) await beforeDhcp(address);
      const socket = await serverUdp.open({ address, port: 0 });
      if (port === 67) dhcp.set(address, socket.local);
      return socket;
    },
    openOfferListener: null,
    openClientPort: null,
    preemptions: () => 0,
    udp: serverUdp,
    availableMemory: () => 512 * 1024 * 1024,
    conflictProbe: null,
    dhcpPorts: { server: 67, bootServer: 4011 },
    trace: null,
    proxyEnvironment: noProxies,
    log: createLog({ level: "info", out: out.resume() }),
    clock: systemClock,
    instance: "test",
  });
  tftpPorts.set("127.81.0.1", services.tftpPort ?? 0);
}

/** The interfaces are these from now on; resolves when a link is served that was not. */
function comes(now: readonly NetworkInterface[]): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const stop = services.events.subscribe((event) => {
      if (event.event !== "link-up") return;
      stop();
      const tftp = event.sockets.find((socket) => socket.startsWith("tftp ")) ?? "";
      tftpPorts.set(event.address, Number(tftp.replace(/^.*:/, "")));
      resolve(event.sockets);
    });
    interfaces = now;
  });
}

/** The same for a link that is not served any more; resolves with the reason. */
function goes(now: readonly NetworkInterface[]): Promise<string> {
  return new Promise((resolve) => {
    const stop = services.events.subscribe((event) => {
      if (event.event !== "link-down") return;
      stop();
      resolve(event.reason);
    });
    interfaces = now;
  });
}

const machine = (number: number): MachineIdentity => ({
  mac: `02:00:00:82:00:0${number}`,
  uuid: `5d6c7b1e-0000-4000-8000-00000000000${number}`,
  firmware: "uefi",
});

/** Boots a machine by the servers at this address of ours. */
async function boot(one: MachineIdentity, at: Ip4): Promise<MachineBoot> {
  const dhcpServer = dhcp.get(at) ?? { address: at, port: 9 };
  const tftpPort = tftpPorts.get(at) ?? 9;
  const booted = await bootMachine(one, { dhcp: dhcpServer, tftpPort, openUdp: openDgram });
  expect(complaintsOf(services.sessions, systemClock.now())).toEqual([]);
  return booted;
}

const httpAt = (sockets: readonly string[]): string =>
  `http://${sockets.find((one) => one.startsWith("http "))?.slice("http ".length)}/boot.ipxe`;

async function leases(): Promise<readonly unknown[]> {
  const answer: unknown = await (await fetch(`${services.adminUrl}/api/v1/leases`)).json();
  return Object(answer).leases ?? answer;
}

test("links that are there at the start are opened side by side", async () => {
  interfaces = [eth1, card("eth2.20", "127.82.0.1")];
  const begun = new Set<Ip4>();
  let allBegun: () => void = () => {};
  const all = new Promise<void>((resolve) => (allBegun = resolve));
  beforeDhcp = (address) => {
    if (begun.add(address).size === 2) allBegun();
    return all;
  };
  await start();
  expect(services.readiness().unserved).toEqual([]);
  tftpPorts.set("127.82.0.1", services.tftpPort ?? 0);
  expect((await boot(machine(2), "127.81.0.1")).address).toMatch(/^127\.81\.9\./);
});

describe("a link that comes while the server runs", () => {
  test("boots machines, and when it has another address, from there", async () => {
    await start();
    expect(services.readiness().unserved).toEqual(["there is no network interface eth2.20"]);
    const first = await comes([eth1, card("eth2.20", "127.82.0.1")]);
    expect(services.readiness().unserved).toEqual([]);
    expect((await boot(machine(1), "127.82.0.1")).address).toMatch(/^127\.82\.9\./);
    expect((await boot(machine(2), "127.81.0.1")).address).toMatch(/^127\.81\.9\./);

    const second = await comes([eth1, card("eth2.20", "127.82.0.2")]);
    expect(second.map((socket) => socket.split(":")[0])).toEqual([
      "http 127.82.0.2",
      "tftp 127.82.0.2",
      "dhcp eth2.20 127.82.0.2",
      "boot-server eth2.20 127.82.0.2",
    ]);
    expect((await boot(machine(1), "127.82.0.2")).address).toMatch(/^127\.82\.9\./);
    await expect(fetch(httpAt(first))).rejects.toThrow("fetch failed");
    expect((await fetch(httpAt(second))).status).toBe(200);
  });

  test("finds the leases of before when it comes back, also as a new device", async () => {
    await start();
    await comes([eth1, card("eth2.20", "127.82.0.1")]);
    const { address } = await boot(machine(1), "127.82.0.1");
    const held = await leases();
    expect(held).toHaveLength(1);
    expect(await goes([eth1])).toBe("there is no network interface eth2.20");
    expect(await leases()).toEqual(held);
    await comes([eth1, card("eth2.20", "127.82.0.1", 9)]);
    expect((await boot(machine(1), "127.82.0.1")).address).toBe(address);
  });
});

test("the limit of transfers is one for all links, those that went included", async () => {
  await start("tftp: { port: 0, maxTransfers: 1 }");
  await comes([eth1, card("eth2.20", "127.82.0.1")]);
  const [one, other] = [
    await TftpClient.open(openDgram, "127.0.0.9"),
    await TftpClient.open(openDgram, "127.0.0.9"),
  ];
  opened.push(one, other);
  one.request({ address: "127.82.0.1", port: tftpPorts.get("127.82.0.1") ?? 0 }, "ipxe.efi");
  const { from } = await one.next();
  // Who never answers would have to give way.
  one.send({ opcode: "ack", block: 1 }, from);
  await one.next();
  await goes([eth1]);
  const remaining = { address: "127.81.0.1", port: tftpPorts.get("127.81.0.1") ?? 0 };
  expect(await other.fetch(remaining, "ipxe.efi")).toMatchObject({ opcode: "error" });
  const done = new Promise<void>((resolve) => {
    services.events.subscribe(({ event }) => {
      if (event === "loader-done") resolve();
    });
  });
  one.send({ opcode: "ack", block: 2 }, from);
  expect(await one.finish(2)).toHaveLength(20_480 - 1024);
  await done;
  expect(await other.fetch(remaining, "ipxe.efi")).toHaveLength(20_480);
});

test.runIf(existsSync("/proc/self/fd"))(
  "a link that comes and goes leaves nothing open",
  async () => {
    await start();
    const both = [eth1, card("eth2.20", "127.82.0.1")];
    const flap = async (times: number): Promise<number> => {
      for (let time = 0; time < times; time++) {
        await comes(both);
        await goes([eth1]);
      }
      return readdirSync("/proc/self/fd").length;
    };
    const once = await flap(1);
    // What is closed at the last look may take a turn of the event loop more.
    expect(await flap(50)).toBeLessThan(once + 10);
    expect((await boot(machine(1), "127.81.0.1")).address).toMatch(/^127\.81\.9\./);
  },
);

test("without any link left nothing is ready, and the server goes on", async () => {
  await start();
  await goes([]);
  expect(services.readiness()).toMatchObject({ ready: false, unserved: [] });
  expect(services.readiness().reasons).toContain("there is no network interface eth1");
  expect((await fetch(`${services.adminUrl}/readyz`)).status).toBe(503);
  await comes([eth1]);
  expect((await fetch(`${services.adminUrl}/readyz`)).status).toBe(200);
  expect((await boot(machine(1), "127.81.0.1")).address).toMatch(/^127\.81\.9\./);
});
