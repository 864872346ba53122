import { request } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { FastifyInstance } from "fastify";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { createBootApp } from "../../../src/http/boot/app.ts";
import { anyNumber } from "../../support/connections.ts";
import { Files } from "../../../src/http/files/files.ts";
import { listen } from "../../../src/http/listen.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createLog } from "../../../src/observe/log.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { attachSubscribers } from "../../../src/daemon/subscribers.ts";
import { EventBus } from "../../../src/events/bus.ts";
import { MirrorSite, release, sums } from "../../support/orchestrator.ts";
import { randomNumbers } from "../../support/random.ts";
import { createHash } from "node:crypto";
import { PassThrough } from "node:stream";

const machines = 200;
const releases = ["1", "2", "3", "4"];

let site: MirrorSite;
let app: FastifyInstance | null = null;
beforeEach(async () => {
  site = await MirrorSite.open();
});
afterEach(async () => {
  await app?.close();
  await site.close();
});

/** Fetches from an address of its own, as each machine does. */
function fetchAs(localAddress: string, url: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { localAddress, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks)));
      response.on("error", reject);
    });
    asked.on("error", reject);
    asked.end();
  });
}

it("gives each of 200 machines a kernel and initramfs of one release while the mirror switches", async () => {
  const sessions = new BootSessions();
  const bus = new EventBus(systemClock);
  attachSubscribers(bus, {
    sessions,
    nodes: () => {},
    firmware: () => {},
    readiness: () => {},
    log: createLog({ level: "error", out: new PassThrough() }),
    metrics: createMetrics(
      () => true,
      () => [],
      () => ({ busy: 0, idle: 0 }),
    ),
    clock: systemClock,
  });
  // One generation is kept beside those that boots need.
  const store = await site.openStore(1, () => sessions.generationsInUse(systemClock.now()));
  const mirror = site.mirror(store);
  await mirror.sync();
  const made = createBootApp({
    generations: store,
    loaders: { find: () => Promise.resolve(null) },
    files: new Files({
      memoryBytes: 20_000,
      maxBytesPerSecond: null,
      queue: null,
      clock: systemClock,
    }),
    sessions,
    findNode: () => null,
    policy: { loaders: new Map(), userClasses: [], unknownNodes: "allow" },
    script: { kind: "mirror" },
    kernelArgs: [],
    autoexec: true,
    syslog: false,
    baseUrls: new Map(),
    trustedProxies: [],
    smee: null,
    emit: bus.emit,
    clock: systemClock,
  });
  ({ app } = made);
  const { port } = await listen(made.app, { host: "127.0.0.1", port: 0 }, anyNumber());
  const url = `http://127.0.0.1:${port}`;
  const known = new Map(
    releases.map((seed): [string, string] => [
      JSON.stringify(sums(release(seed)).filter(([name]) => name !== "boot.ipxe")),
      seed,
    ]),
  );

  const booted = new Map<string, string | undefined>();
  let finished = 0;
  let progress: () => void = () => {};
  const boot = async (index: number): Promise<void> => {
    const address = `127.1.${Math.floor(index / 250)}.${(index % 250) + 1}`;
    const script = (await fetchAs(address, `${url}/boot.ipxe`)).toString();
    // Which release the script is of is written in it.
    const seed = /^# release (.*)$/m.exec(script)?.[1];
    const files: [string, string][] = [];
    for (const name of ["initramfs-x86_64", "vmlinuz-x86_64"]) {
      const bytes = await fetchAs(address, `${url}/artifacts/${name}`);
      files.push([name, createHash("sha256").update(bytes).digest("hex")]);
      // The other machines go on in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const got = known.get(JSON.stringify(files));
    expect(got, `machine ${index} got a mixture`).toBe(seed);
    booted.set(address, got);
    finished += 1;
    progress();
  };
  const chance = randomNumbers(4711);
  const queue = Array.from({ length: machines }, (_, index) => index).toSorted(() => chance(3) - 1);
  const workers = Array.from({ length: 40 }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await boot(next);
  });
  const after = (count: number): Promise<void> =>
    new Promise((resolve) => {
      progress = () => {
        if (finished >= count) resolve();
      };
      progress();
    });
  for (const [index, seed] of releases.slice(1).entries()) {
    await after((index + 1) * 40);
    for (const [name, content] of release(seed)) site.orchestrator.replace(name, content);
    await mirror.sync();
  }
  await Promise.all(workers);
  expect(booted.size).toBe(machines);
  expect(new Set(booted.values()).size).toBeGreaterThan(1);
  // What none of them needs any more is gone, but for the addresses that may still come back.
  expect(store.list().length).toBeGreaterThan(1);
}, 60_000);
