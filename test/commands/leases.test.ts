import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importLeases, listLeases, releaseLease } from "../../src/commands/leases.ts";
import { lockFolder } from "../../src/daemon/state/data-folder-lock.ts";
import { ConfigError, UnreachableError } from "../../src/lib/errors.ts";
import { AnnouncedServer } from "../support/announced-server.ts";
import { FakeProgram } from "../support/program.ts";

const mac = "08:00:27:29:4e:67";
let folder = "";
let config = "";
let server: AnnouncedServer | null = null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-leases-"));
  config = join(folder, "eim-pxe.yaml");
  const text = `
dataDir: data
interfaces:
  - name: nosuch1
    address: 192.168.77.1
    dhcp: { mode: full, pools: [192.168.77.100-192.168.77.109] }
`;
  writeFileSync(config, text);
});
afterEach(async () => {
  await server?.close();
  server = null;
  rmSync(folder, { recursive: true, force: true });
});

const options = (json = false) => ({ config, json });

async function list(json = false): Promise<string> {
  const program = new FakeProgram();
  expect(await listLeases(program, options(json))).toBe(0);
  return program.written;
}

async function bring(lines: string): Promise<string> {
  const file = join(folder, "dnsmasq.leases");
  writeFileSync(file, lines);
  const program = new FakeProgram();
  expect(await importLeases(program, file, { ...options(), format: null })).toBe(0);
  return program.written;
}

describe("eim-pxe leases, while no server runs", () => {
  test("lists nothing where nothing is leased, and makes no journal", async () => {
    expect(await list()).toBe(
      "No address is leased.\n192.168.77.0/24 on nosuch1: 10 addresses in the pools, 0 leased, 0 in quarantine, 10 free\n",
    );
  });

  test("takes over another server's leases, lists them, and frees one", async () => {
    const file = join(folder, "dnsmasq.leases");
    expect(
      await bring(`0 ${mac} 192.168.77.100 node-1 *\n0 ${mac.replace("67", "68")} 10.1.1.1 * *`),
    ).toBe(`1 leases were imported from ${file} (dnsmasq).\n`);
    const [head, row, pool] = (await list()).split("\n");
    expect(head).toMatch(/^ADDRESS +MAC +STATE +UNTIL \(UTC\) +HOST NAME$/);
    expect(row).toMatch(
      /^192\.168\.77\.100 +08:00:27:29:4e:67 +leased +2\d{3}-\d\d-\d\dT\S+ +node-1$/,
    );
    expect(pool).toContain("1 leased, 0 in quarantine, 9 free");
    const program = new FakeProgram();
    expect(await releaseLease(program, "192.168.77.100", options())).toBe(0);
    expect(program.written).toContain(`192.168.77.100 of ${mac} is free`);
    expect(JSON.parse(await list(true))).toMatchObject({ leases: [], pools: [{ free: 10 }] });
  });

  test("leaves the journal alone that a server is about to open, and waits until it can be asked or has ended", async () => {
    const dataDir = join(folder, "data");
    const lock = await lockFolder({ dataDir, pid: 4711, purpose: "serve", patienceMs: 0 });
    const program = new FakeProgram();
    const releasing = releaseLease(program, "192.168.77.100", options());
    // It looks several times.
    await sleep(500);
    expect(readdirSync(dataDir)).toEqual([]);
    await lock.release();
    expect(await releasing).toBe(1);
    expect(String(program.err.read())).toContain("is not leased");
    await (await lockFolder({ dataDir, pid: 4711, purpose: "serve", patienceMs: 0 })).release();
  });

  test("says when the address is not leased, or is none", async () => {
    const program = new FakeProgram();
    expect(await releaseLease(program, "192.168.77.100", options())).toBe(1);
    expect(String(program.err.read())).toBe("192.168.77.100 is not leased\n");
    await expect(releaseLease(program, "hello", options())).rejects.toThrow(ConfigError);
    const absent = importLeases(program, join(folder, "absent"), { ...options(), format: "isc" });
    await expect(absent).rejects.toThrow(/absent: cannot be read/);
  });
});

describe("eim-pxe leases, while a server runs", () => {
  async function serving(
    status: number,
    body: object | ((line: string) => object),
  ): Promise<AnnouncedServer> {
    server = await AnnouncedServer.in(join(folder, "data"), { status, body });
    return server;
  }
  const asked = () => server?.asked.map(({ line }) => line);

  test("asks it for the list, and shows what it says", async () => {
    await serving(200, { leases: [], pools: [], next: null });
    expect(await list()).toBe("No address is leased.\n");
    expect(asked()).toEqual(["GET /api/v1/leases"]);
  });

  test("asks it for page after page", async () => {
    const lease = {
      mac,
      network: null,
      state: "bound",
      expiresAtMs: 2,
      startedAtMs: 1,
      hostname: null,
      clientId: null,
    };
    const pool = { interface: "eth1", network: "192.168.77.0/24", addresses: 100, leased: 3 };
    const pools = [{ ...pool, quarantined: 0, free: 97 }];
    await serving(200, (line: string) => {
      // Each page has one lease, the first one without a cursor.
      const at = Number(/cursor=192\.168\.77\.10(\d)$/.exec(line)?.[1] ?? 0) + 1;
      const address = `192.168.77.10${at}`;
      return { leases: [{ ...lease, address }], pools, next: at < 3 ? address : null };
    });
    expect(JSON.parse(await list(true))).toEqual({
      leases: [1, 2, 3].map((at) => ({ ...lease, address: `192.168.77.10${at}` })),
      pools,
    });
  });

  test("has it free an address, and tells what it objects", async () => {
    await serving(404, { error: { code: "NOT_FOUND", message: "192.168.77.100 is not leased" } });
    const program = new FakeProgram();
    expect(await releaseLease(program, "192.168.77.100", options())).toBe(1);
    expect(String(program.err.read())).toContain("192.168.77.100 is not leased");
    expect(asked()).toEqual(["DELETE /api/v1/leases/192.168.77.100"]);
  });

  test("has it take over leases, a thousand at once", async () => {
    await serving(200, { imported: 1, skipped: [] });
    const lines = Array.from({ length: 1500 }, (_, n) => {
      const [high, low] = [n >> 8, n & 255];
      const end = [high, low].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
      return `0 02:00:00:00:${end} 10.1.${high}.${low} * *`;
    });
    expect(await bring(lines.join("\n"))).toContain("2 leases were imported");
    expect(asked()).toEqual(["POST /api/v1/leases", "POST /api/v1/leases"]);
  });

  test("fails where it does not answer as it should", async () => {
    (await serving(200, {})).answer = null;
    await expect(listLeases(new FakeProgram(), options())).rejects.toThrow(UnreachableError);
  });
});
