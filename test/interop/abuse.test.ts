import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../../src/lib/certificate.ts";
import { orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { journalFile } from "../../src/dhcp/leases/journal.ts";
import { encodeLease } from "../../src/dhcp/leases/journal-format.ts";
import { ip4FromNumber, ip4ToNumber } from "../../src/lib/ip4.ts";
import { HostileSite, withstood } from "../support/hostile-site.ts";
import { netnsMissing } from "../support/netns.ts";
import { fileOfSize } from "../support/random.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Other harm than many connections: forged reports, pages in a browser, an orchestrator that means harm, a large site.
 * As in hostile.test.ts a machine boots meanwhile, and whoever asks the admin port is answered.
 */

const missing = reasonToSkip({ tools: ["curl"], root: true }) ?? netnsMissing();
const MACHINES = 10_000;
const LEASES = 60_000;
const CROWD = 900;
const admin = new URL("guests/admin-attacker.ts", import.meta.url);
const macOf = (prefix: string, n: number) =>
  `${prefix}:${[n >> 16, (n >> 8) & 255, n & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;

let site: HostileSite;
beforeAll(async () => {
  if (missing !== null) return;
  const certificate = await makeCertificate([], Date.now());
  // Each request for the script once took 14 seconds, in which nothing else was done.
  const endless = `\n${"\n".repeat(64 * 1024)}boot\n`;
  site = await HostileSite.open({
    mode: "proxy",
    initramfsBytes: 100_000,
    script: `${orchestratorBootScript("https://orchestrator.example/tink-stack")}${endless}`,
    more: "nodes: { file: nodes.yaml }\n",
    prepare: (files) => {
      files.write("ca.pem", certificate.cert);
      files.write("key.pem", certificate.key);
      files.write("loaders/large.efi", fileOfSize(256 * 1024));
      const nodes = Array.from(
        { length: MACHINES },
        (_, n) => `- { mac: "${macOf("52:54:01", n)}", name: n${n} }\n`,
      );
      files.write("nodes.yaml", nodes.join(""));
      const nowMs = Date.now();
      const leases = Array.from({ length: LEASES }, (_, n) => {
        const lease = {
          mac: macOf("52:54:02", n),
          address: ip4FromNumber(ip4ToNumber("10.9.2.0") + n),
          network: "10.9.0.0/16",
          state: "bound",
          startedAtMs: nowMs,
          expiresAtMs: nowMs + 86_400_000,
          hostname: null,
          clientId: null,
        } as const;
        return encodeLease(lease, nowMs);
      });
      writeFileSync(journalFile(files.path("data")), leases.join(""));
    },
  });
});
afterAll(() => site?.close());

describe.skipIf(missing !== null)(`abuse${missing ? ` (${missing})` : ""}`, () => {
  test("field fault 47: reports in another machine's name, from many addresses, change nothing of it", async () => {
    const attack = { arguments: (...where: string[]) => ["reports", ...where], descriptors: 40 };
    expect(await site.under(attack)).toMatchObject({
      ...withstood,
      told: { event: "at its height" },
    });
    const boots = await site.ask("/api/v1/boots?mac=52:54:00:00:00:0a");
    expect(boots).toContain('"mac":"52:54:00:00:00:0a"');
    expect(boots).not.toMatch(/"stage":"(failed|micro-os|booting)"/);
  });

  test("field fault 48: pages in a browser are refused, from many addresses", async () => {
    const outcome = await site.under({
      from: "own host",
      guest: admin,
      arguments: (...where) => ["pages", ...where],
      descriptors: 40,
    });
    expect(outcome).toMatchObject(withstood);
    expect(outcome.told).toEqual({ event: "at its height", 403: 40 * 5 * 6 });
  });

  test("field fault 49: a script of 64 k empty lines, asked for by ever new machines", async () => {
    const attack = { arguments: (...where: string[]) => ["scripts", ...where], descriptors: 40 };
    expect(await site.under(attack)).toMatchObject({
      ...withstood,
      told: { event: "at its height" },
    });
  });

  test("field fault 50: an orchestrator that trickles", async () => {
    const outcome = await site.under({
      from: "own host",
      guest: new URL("guests/trickling-origin.ts", import.meta.url),
      arguments: () => [site.files.path("key.pem"), site.files.path("ca.pem")],
      descriptors: 20,
    });
    expect(outcome).toMatchObject({ ...withstood, told: { event: "at its height" } });
  });

  test("field fault 52: in mode proxy a flood of new machines, and of addresses that no network card has", async () => {
    const attack = { arguments: (...where: string[]) => ["discovers", ...where], descriptors: 0 };
    expect(await site.under(attack)).toMatchObject({
      ...withstood,
      told: { event: "at its height" },
    });
  });

  test(`field fault 53: ${LEASES} leases read again and again, 32 streams of events, and ${MACHINES} nodes read anew`, async () => {
    const outcome = await site.under({
      from: "own host",
      guest: admin,
      arguments: (...where) => ["reads", ...where],
      descriptors: 50,
      meanwhile: () => site.signal("SIGHUP"),
    });
    expect(outcome).toMatchObject(withstood);
    expect(Object(outcome.told).leases).toBeGreaterThanOrEqual(LEASES);
  });

  test(`field fault 54: ${CROWD} machines at once ask as EDK2 does, and none fails`, async () => {
    const options = "tsize=0,blksize=1468,windowsize=4";
    const local = site.files.path("loaders/large.efi");
    const outcome = await site.under({
      guest: new URL("../bench/guests/tftp-clients.ts", import.meta.url),
      arguments: (server, first) => {
        const asked = ["69", "large.efi", local, String(CROWD), options];
        return [server, ...asked, first, "40", "200"];
      },
      descriptors: 2 * CROWD,
    });
    expect(outcome).toMatchObject({ ...withstood, told: { failures: {} } });
  });
});
