import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { netnsMissing } from "../support/netns.ts";
import { apiAddress, ReplicasSite } from "../support/replicas-site.ts";
import { bootThroughTakeOver } from "../support/take-over.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Two replicas in mode full by a Lease object of the API server's double; `npm run test:kubernetes` does the same by
 * a real one.
 */

const missing = reasonToSkip({ tools: ["tcpdump"], root: true }) ?? netnsMissing();

let program: Program;
let site: ReplicasSite | null = null;
beforeAll(async () => {
  if (missing === null) program = await Program.build();
}, 120_000);
afterEach(async () => {
  await site?.close();
  site = null;
});
afterAll(() => program?.remove());

describe.skipIf(missing !== null)(`replicas${missing ? ` (${missing})` : ""}`, () => {
  test("the leader is killed during 20 boots: every machine is up, and never two answer", async () => {
    site = await ReplicasSite.open(program);
    const file = new URL("guests/cluster.ts", import.meta.url);
    const api = site.net.run(site.apiHost, file, apiAddress);
    const { url } = Object(await api.next());
    await site.serve({
      cluster: { server: String(url) },
      user: { token: "t" },
      namespace: "boot",
      leaseSeconds: 15,
      journal: "own",
    });
    const { servers, up, leader, other } = await bootThroughTakeOver(site);
    expect(up).toBe(20);
    expect(servers[0]).toBe(site.addressOf(leader));
    expect(servers).toContain(site.addressOf(other));
    // Who answered is who held the object, one after the other and never in turns.
    await api.stop();
    const { output } = await api.ended();
    const holders = [...output.matchAll(/"replica":"(pod-[ab])"/g)].map(([, name]) =>
      name === "pod-a" ? site?.addressOf("pod-a") : site?.addressOf("pod-b"),
    );
    let at = 0;
    for (const server of servers) at = holders.indexOf(server, at) + 1 || Infinity;
    expect(at).toBeLessThanOrEqual(holders.length);
  });
});
