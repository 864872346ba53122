import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { netnsMissing, nextEvent } from "../support/netns.ts";
import { Postgres, postgresMissing } from "../support/postgres.ts";
import { apiAddress, replicaNames, ReplicasSite } from "../support/replicas-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * 100 simulated machines boot from two servers, of which one is killed and started again every few seconds, and their
 * database once for 20 s.
 */

const missing =
  reasonToSkip({ tools: ["tcpdump", "dnsmasq", "runuser"], root: true }) ??
  netnsMissing() ??
  postgresMissing();
const machines = 100;
const killEveryMs = 4000;
const databaseAwayMs = 20_000;

let program: Program;
let site: ReplicasSite | null = null;
let postgres: Postgres | null = null;
beforeAll(async () => {
  if (missing === null) program = await Program.build();
});
afterEach(async () => {
  await site?.close();
  await postgres?.close();
  site = null;
  postgres = null;
});
afterAll(() => program?.remove());

interface Ended {
  readonly up: number;
  readonly again: number;
  readonly kills: number;
}

/** Boots all machines while servers are killed in turns, and the database once where there is one. */
async function bootAmongKills(at: ReplicasSite, database: Postgres | null): Promise<Ended> {
  const booting = at.machines(String(machines), "30", "60");
  const over = new AbortController();
  let kills = 0;
  const killing = (async () => {
    for (let turn = 0; !over.signal.aborted; turn++) {
      await sleep(killEveryMs, undefined, { signal: over.signal }).catch(() => {});
      if (over.signal.aborted) break;
      const name = replicaNames[turn % 2] ?? "pod-a";
      await at.server(name).stop("SIGKILL");
      kills += 1;
      at.start(name);
      await at.server(name).said('"event":"listening"');
    }
  })();
  const outage = (async () => {
    await sleep(10_000);
    await database?.kill();
    await sleep(databaseAwayMs);
    await database?.start();
  })();
  let [up, again] = [0, 0];
  while (up < machines) {
    const told = await nextEvent(booting, "up", "again", "broken", "end");
    if (told["event"] === "up") up += 1;
    else if (told["event"] === "again") again += 1;
    else throw new Error(`after ${up} machines: ${JSON.stringify(told)}`);
  }
  over.abort();
  await Promise.all([killing, outage]);
  return { up, again, kills };
}

/** In the order on the wire: each time that a machine was acknowledged an address that another one has then. */
function givenTwice(at: ReplicasSite): {
  readonly twice: readonly string[];
  readonly acknowledged: number;
} {
  const holders = new Map<string, { mac: string; untilMs: number }>();
  const twice: string[] = [];
  let acknowledged = 0;
  for (const { payload, atMs } of datagramsOf(readFileSync(join(at.folder, "dhcp.pcap")))) {
    const packet = decodePacket(payload);
    const type = packet.options.get(OptionCode.MESSAGE_TYPE)?.[0];
    const mac = Buffer.from(packet.chaddr).toString("hex");
    if (type === MessageType.RELEASE) holders.delete(packet.ciaddr);
    const lasts = packet.options.get(OptionCode.LEASE_TIME);
    if (type !== MessageType.ACK || lasts === undefined) continue;
    acknowledged += 1;
    const holder = holders.get(packet.yiaddr);
    if (holder !== undefined && holder.mac !== mac && holder.untilMs > atMs) {
      twice.push(`${packet.yiaddr}: ${holder.mac}, ${mac}`);
    }
    // A machine has one address: with another one the former is free.
    for (const [address, one] of holders) if (one.mac === mac) holders.delete(address);
    const untilMs = atMs + Buffer.from(lasts).readUInt32BE(0) * 1000;
    holders.set(packet.yiaddr, { mac, untilMs });
  }
  return { twice, acknowledged };
}

describe.skipIf(missing !== null)(`two servers${missing ? ` (${missing})` : ""}`, () => {
  test("mode full: killed in turns, and their database for 20 s: every machine boots, no address is given twice", async () => {
    site = await ReplicasSite.open(program);
    postgres = await Postgres.open({
      by: ["ip", "netns", "exec", site.apiHost],
      listen: { address: apiAddress, port: 5432 },
    });
    const { urlFile } = postgres;
    await site.serve({
      mode: "full",
      configuration: { leases: { store: { postgres: { urlFile } } } },
    });
    const { up, kills, again } = await bootAmongKills(site, postgres);
    const { twice, acknowledged } = givenTwice(site);
    console.log(`${kills} kills, ${again} boots begun anew, ${acknowledged} acknowledgements`);
    expect(up).toBe(machines);
    expect(kills).toBeGreaterThan(3);
    expect(twice).toEqual([]);
    expect(acknowledged).toBeGreaterThanOrEqual(machines);
    const rows = postgres.psql(
      "SELECT host(address), mac FROM eim_pxe_leases WHERE state = 'bound'",
    );
    const table = rows.split("\n").map((row) => row.split("|"));
    expect(new Set(table.map(([address]) => address)).size).toBe(table.length);
    expect(new Set(table.map(([, mac]) => mac)).size).toBe(table.length);
    expect(table.length).toBe(machines);
  });

  test("mode proxy: killed in turns, and nothing is shared: every machine boots", async () => {
    site = await ReplicasSite.open(program);
    const range = ["--dhcp-range=10.77.4.0,10.77.63.255,255.255.0.0,1h", "--no-ping"];
    const quiet = ["--quiet-dhcp", "--pid-file=", "--interface=br0", "--user=root", "--port=0"];
    const leases = `--dhcp-leasefile=${join(site.folder, "dnsmasq.leases")}`;
    const words = ["-k", "-C", "/dev/null", "--log-facility=-", "--dhcp-lease-max=12000", leases];
    const dnsmasq = site.net.spawn(site.apiHost, "dnsmasq", ...words, ...range, ...quiet);
    await dnsmasq.said("DHCP, IP range");
    await site.serve({ mode: "proxy" });
    const { up, kills, again } = await bootAmongKills(site, null);
    console.log(`${kills} kills, ${again} boots begun anew`);
    expect(up).toBe(machines);
    expect(kills).toBeGreaterThan(3);
    expect(givenTwice(site).twice).toEqual([]);
  });

  test("two servers that share a database serve one link without dhcp.allowOtherServers", async () => {
    site = await ReplicasSite.open(program);
    postgres = await Postgres.open({
      by: ["ip", "netns", "exec", site.apiHost],
      listen: { address: apiAddress, port: 5432 },
    });
    const { urlFile } = postgres;
    const configuration = { leases: { store: { postgres: { urlFile } } } };
    await site.serve({ mode: "full", configuration, allowOtherServers: false });
    const before = postgres;
    await eventually(() => {
      const known = before.psql("SELECT addresses FROM eim_pxe_servers ORDER BY addresses::text");
      expect(known).toBe('["10.77.0.1"]\n["10.77.0.2"]');
    });
    // One that begins while the other one answers.
    await site.server("pod-b").stop();
    const again = site.start("pod-b");
    await again.said('"event":"listening"');
    await again.stop();
    expect((await again.ended()).output).not.toContain("other-dhcp-server");
  });
});
