import { setTimeout as sleep } from "node:timers/promises";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/config/load.ts";

import { ClusterNodes } from "../../../src/daemon/nodes/cluster-nodes.ts";
import { nodesAccess } from "../../../src/daemon/nodes/nodes-access.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import type { Inventory } from "../../../src/nodes/inventory.ts";
import { Cluster } from "../../support/cluster.ts";
import { eventually } from "../../support/eventually.ts";

let folder: string;
let cluster: Cluster;
let events: PxeEvent[];
let inventory: Inventory | null;
const opened: ClusterNodes[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-cluster-"));
  events = [];
  inventory = null;
  cluster = new Cluster();
  await cluster.open();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((nodes) => nodes.stop()));
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

const macOf = (n: number) =>
  `52:54:00:00:${[n >> 8, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
const hardware = (n: number, more: object = {}) => ({
  interfaces: [{ dhcp: { mac: macOf(n) }, netboot: { allowPXE: true }, ...more }],
});

function kubeconfig(token = "secret"): string {
  const file = join(folder, "kubeconfig");
  const config = {
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "tink" } }],
    clusters: [{ name: "c", cluster: { server: `${cluster.url}/` } }],
    users: [{ name: "u", user: { token } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

async function follow(token?: string, backoffMs: readonly number[] = [5]): Promise<ClusterNodes> {
  const nodes = { format: "kubernetes", kubernetes: { kubeconfig: kubeconfig(token) } };
  const access = nodesAccess(parseConfig(JSON.stringify({ nodes }), null), {});
  const following = new ClusterNodes({ access, dataDir: folder, backoffMs });
  opened.push(following);
  inventory = await following.restore();
  following.follow({
    use: (next) => (inventory = next),
    emit: (event) => events.push(event),
  });
  return following;
}

const macs = () => inventory?.entries.map(({ mac }) => mac).toSorted();
const named = (name: PxeEvent["event"]) => events.filter(({ event }) => event === name);

describe("nodes of a cluster", () => {
  test("are its Hardware objects, which appear, change and go", async () => {
    cluster.token = "secret";
    cluster.put("a", hardware(1));
    await follow();
    await eventually(() => expect(macs()).toEqual([macOf(1)]));
    cluster.put("b", hardware(2));
    await eventually(() => expect(macs()).toEqual([macOf(1), macOf(2)]));
    cluster.put("a", hardware(3));
    await eventually(() => expect(macs()).toEqual([macOf(2), macOf(3)]));
    cluster.remove("b");
    await eventually(() => expect(macs()).toEqual([macOf(3)]));
    expect(cluster.asked[1]).toMatch(
      /^\/apis\/tinkerbell\.org\/v1alpha1\/namespaces\/tink\/hardware/,
    );
  });

  test("come in pages", async () => {
    for (let n = 0; n < 1200; n++) cluster.put(`n${n}`, hardware(n));
    await follow();
    await eventually(() => expect(inventory?.entries).toHaveLength(1200));
    expect(cluster.asked.filter((url) => url.includes("continue="))).toHaveLength(2);
  });

  test("go on from a bookmark when the API server ends the watch", async () => {
    cluster.put("a", hardware(1));
    await follow();
    await eventually(() => expect(macs()).toEqual([macOf(1)]));
    const lists = () => cluster.asked.filter((url) => url.includes("limit=")).length;
    const former = lists();
    cluster.bookmark();
    cluster.put("b", hardware(2));
    await eventually(() => expect(macs()).toHaveLength(2));
    cluster.endWatches();
    await eventually(() => expect(cluster.asked.at(-1)).toContain("resourceVersion=112"));
    expect(lists()).toBe(former);
  });

  test("are listed anew when the API server has forgotten what was before (410)", async () => {
    cluster.put("a", hardware(1));
    cluster.put("b", hardware(2));
    await follow();
    await eventually(() => expect(macs()).toHaveLength(2));
    cluster.remove("a");
    cluster.forget();
    await eventually(() => expect(macs()).toEqual([macOf(2)]));
    cluster.put("c", hardware(3));
    await eventually(() => expect(macs()).toEqual([macOf(2), macOf(3)]));
    expect(named("nodes-source-away")).toEqual([]);
  });

  test("stay in force while the API server is away, also over a restart", async () => {
    cluster.put("a", hardware(1));
    const first = await follow();
    await eventually(() => expect(macs()).toEqual([macOf(1)]));
    await cluster.close();
    await eventually(() => expect(named("nodes-source-away")).not.toEqual([]));
    expect(macs()).toEqual([macOf(1)]);
    await first.stop();
    inventory = null;
    await follow();
    expect(macs()).toEqual([macOf(1)]);
    cluster.put("b", hardware(2));
    await cluster.open();
    await eventually(() => expect(macs()).toEqual([macOf(1), macOf(2)]));
    await eventually(() => expect(named("nodes-source-back")).not.toEqual([]));
  });

  test.each([
    ["410", { status: 410 }],
    ["410 after a bookmark", { error: 410 }],
    ["403", { status: 403 }],
    ["an error after a bookmark", { error: 500 }],
    ["nothing", "nothing"],
  ] as const)(
    "are asked for with ever longer pauses where each watch gets %s",
    async (_what, answer) => {
      cluster.put("a", hardware(1));
      cluster.watches = answer;
      const pauses = [1, 2, 3, 60_000];
      await follow(undefined, pauses);
      const watches = () => cluster.asked.filter((url) => url.includes("watch=1"));
      await eventually(() => expect(watches().length).toBeGreaterThanOrEqual(4));
      // The fourth pause is longer than this test; where there is none, more come right away.
      await sleep(50);
      expect(watches()).toHaveLength(4);
      expect(macs()).toEqual([macOf(1)]);
    },
  );

  test("leave no connection behind when a watch says what nobody understands", async () => {
    cluster.put("a", hardware(1));
    await follow(undefined, [60_000]);
    await eventually(() => expect(cluster.watching).toBe(1));
    cluster.say("nonsense");
    await eventually(() => expect(named("nodes-source-away")).toHaveLength(1));
    await eventually(() => expect(cluster.watching).toBe(0));
    // What comes from there later disturbs nobody.
    cluster.say("nonsense");
    await cluster.close();
    await cluster.open();
  });

  test("that are wrong disturb no other, and are told of once", async () => {
    cluster.put("a", hardware(1, { dhcp: { mac: "nonsense" } }));
    cluster.put("b", hardware(2));
    cluster.put("c", { interfaces: "none" });
    cluster.put("d", hardware(2));
    await follow();
    await eventually(() => expect(macs()).toEqual([macOf(2)]));
    cluster.put("e", hardware(5));
    await eventually(() => expect(macs()).toHaveLength(2));
    expect(named("node-unusable")).toMatchObject([
      { reason: expect.stringContaining("Hardware tink/a: mac: must be a MAC address") },
      { reason: expect.stringContaining("Hardware tink/c: is no Hardware object") },
      { reason: `Hardware tink/d: Hardware tink/b has ${macOf(2)} too` },
    ]);
  });

  test("that may not be looked at are told of with what the account needs", async () => {
    cluster.token = "secret";
    await follow("another");
    await eventually(() => expect(named("nodes-source-away")[0]).toMatchObject({ nodes: 0 }));
    expect(named("nodes-source-away")[0]).toMatchObject({
      reason: expect.stringContaining("get, list and watch on hardware.tinkerbell.org"),
    });
  });
});

describe("nodesAccess", () => {
  const configOf = (kubernetes: object | null) =>
    parseConfig(JSON.stringify({ nodes: { format: "kubernetes", kubernetes } }), null);

  test("says what is missing outside of a pod", () => {
    expect(() => nodesAccess(configOf(null), {})).toThrow(/nodes\.kubernetes\.kubeconfig/);
  });

  test.each([
    ["{}", /is not a kubeconfig with a current-context/],
    ['{"current-context":"x","contexts":[],"clusters":[],"users":[]}', /has no context "x"/],
  ])("says what is wrong with a kubeconfig: %s", (content, message) => {
    const file = join(folder, "broken");
    writeFileSync(file, content);
    expect(() => nodesAccess(configOf({ kubeconfig: file }), {})).toThrow(message);
  });
});
