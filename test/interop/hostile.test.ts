import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sync } from "../../src/commands/sync.ts";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { FakeProgram } from "../support/program.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * A neighbour with forty addresses attacks; meanwhile a machine on another link boots, and whoever asks the admin port is
 * answered. Each attack has a bound on how long these take, on descriptors and on memory. The bound on time is far
 * above what it takes on a quiet machine, and far below the minutes that such attacks once took.
 */

const missing = reasonToSkip({ tools: ["curl"], root: true }) ?? netnsMissing();
const boundMs = 30_000;
const boundMegabytes = 200;

let net: Netns;
let files: ServedSite;
let program: Program;
let serving: Guest;
let hosts: { readonly server: string; readonly attacker: string };
let machine: Guest;
beforeAll(async () => {
  if (missing !== null) return;
  net = createNetns();
  [files, program] = await Promise.all([
    ServedSite.open({ initramfsBytes: 16_000_000 }),
    Program.build(),
  ]);
  await sync(new FakeProgram(), { config: files.configuration(), json: true });
  const [server, attacker, other] = [net.host("server"), net.host("attacker"), net.host("machine")];
  hosts = { server, attacker };
  const many = Array.from({ length: 40 }, (_, n) => `10.8.2.${n + 1}/16`);
  net.cable(
    { host: server, device: "eth1", addresses: ["10.8.0.1/16"] },
    { host: attacker, device: "eth0", addresses: many },
  );
  net.cable(
    { host: server, device: "eth2", addresses: ["10.9.0.1/16"] },
    { host: other, device: "eth0", addresses: ["10.9.0.11/16"] },
  );
  const config = files.write(
    "hostile.yaml",
    `
dataDir: data
interfaces:
  - { name: eth1, dhcp: { mode: full, pools: [10.8.1.0-10.8.1.99] } }
  - { name: eth2, dhcp: { mode: full, pools: [10.9.1.0-10.9.1.99] } }
dhcp: { allowOtherServers: true }
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
`,
  );
  serving = net.spawn(server, process.execPath, program.entry, "serve", "--config", config);
  await serving.said('"event":"ready"');
  machine = net.run(other, new URL("guests/boot-client.ts", import.meta.url));
  await machine.next();
});
afterAll(async () => {
  if (missing !== null) return;
  await net.close();
  await Promise.all([files.close(), program.remove()]);
});

const descriptors = (): number => readdirSync(`/proc/${serving.pid}/fd`).length;

function megabytes(): number {
  const status = readFileSync(`/proc/${serving.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
}

/** A machine boots by DHCP, TFTP and HTTP, and the admin port answers; resolves with the milliseconds of both. */
async function used(): Promise<number> {
  const beganMs = performance.now();
  machine.write("boot 10.9.0.11 52:54:00:00:00:0a");
  expect(await machine.next()).toMatchObject({
    server: "10.9.0.1",
    loaderBytes: 20_480,
    scriptBytes: expect.any(Number),
  });
  const asked = net.spawn(hosts.server, "curl", "-s", "http://127.0.0.1:8081/healthz");
  expect((await asked.ended()).output).toContain("alive");
  return performance.now() - beganMs;
}

describe.skipIf(missing !== null)(`a hostile neighbour${missing ? ` (${missing})` : ""}`, () => {
  test.each([
    // What each may have open at the most: its connections, or the places that TFTP has at all.
    ["field fault 40", "pipelined", 80],
    ["field fault 41", "idle", 1000],
    ["field fault 41", "half a header", 1000],
    ["field fault 42", "unread", 480],
    ["field faults 45 and 46", "read requests", 2000],
    ["field faults 43 and 44", "declines", 0],
  ])(
    "%s: %s, from many addresses: all services answer, and nothing of it stays",
    async (_, attack, mostDescriptors) => {
      await used();
      const before = { descriptors: descriptors(), megabytes: megabytes() };
      const attacker = net.run(
        hosts.attacker,
        new URL("guests/attacker.ts", import.meta.url),
        attack,
        "10.8.0.1",
        "10.8.2.1",
      );
      const waits: number[] = [];
      const height = attacker.next();
      for (let time = 0; time < 2; time++) waits.push(await used());
      expect(await height).toEqual({ event: "at its height" });
      for (let time = 0; time < 3; time++) waits.push(await used());
      expect(Math.max(...waits)).toBeLessThan(boundMs);
      // Files and transfers of what is used meanwhile are few.
      expect(descriptors()).toBeLessThan(before.descriptors + mostDescriptors + 60);
      expect(megabytes()).toBeLessThan(before.megabytes + boundMegabytes);
      await attacker.stop("SIGKILL");
      await eventually(() => expect(descriptors()).toBeLessThan(before.descriptors + 60));
      expect(await used()).toBeLessThan(boundMs);
    },
  );
});
