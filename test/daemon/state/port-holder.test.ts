import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FolderLock, lockFolder } from "../../../src/daemon/state/data-folder-lock.ts";
import { namingHolder } from "../../../src/daemon/state/port-holder.ts";
import { bindError, type WantedSocket } from "../../../src/lib/bind-error.ts";
import { BindError, InternalError } from "../../../src/lib/errors.ts";
import { openDgram } from "../../../src/net/dgram.ts";

let dataDir: string;
let lock: FolderLock;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "eim-pxe-holder-"));
  lock = await lockFolder({ dataDir, pid: 4711, purpose: "serve", patienceMs: 0 });
});
afterEach(async () => {
  await lock.release();
  await rm(dataDir, { recursive: true, force: true });
});

const admin = "http://127.0.0.1:8081";

function messageFor(wanted: Partial<WantedSocket> & { readonly port: number }): Promise<string> {
  const taken = Object.assign(new Error("in use"), { code: "EADDRINUSE" });
  const all: WantedSocket = { transport: "UDP", address: "10.9.0.1", device: null, ...wanted };
  return namingHolder(() => Promise.reject(bindError(all, taken))).catch((error: unknown) =>
    error instanceof BindError ? error.message : "",
  );
}

describe("field fault 69: who holds a port", () => {
  test("is another eim-pxe: its pid, folder and admin port are named, and what to do", async () => {
    const held = await openDgram({ address: "127.0.0.1", port: 0 });
    const socket = `127.0.0.1:${held.local.port}`;
    lock.describe(() => ({ admin, sockets: [`tftp ${socket}`] }));
    const open = namingHolder(() => openDgram(held.local));
    await expect(open).rejects.toThrow(
      `cannot bind UDP ${socket}: another eim-pxe holds the port (pid 4711, data folder ${dataDir}, ${admin}). ` +
        "To do (site): stop that one where it runs by mistake (systemctl stop eim-pxe, or kill 4711), or serve " +
        "other interfaces here than that with 127.0.0.1",
    );
    await held.close();
  });

  test.each<[string, Partial<WantedSocket> & { readonly port: number }]>([
    ["dhcp eth1 10.9.0.1:67", { port: 67, device: "eth1" }],
    ["boot-server eth1 10.9.0.1:4011", { port: 4011, device: "eth1" }],
    ["dhcp eth1 10.9.0.1:67", { port: 67, address: "0.0.0.0" }],
    ["http 10.9.0.1:8080", { port: 8080, transport: "TCP" }],
    ["admin 0.0.0.0:8081", { port: 8081, transport: "TCP" }],
  ])("is known by its socket %s for %j", async (socket, wanted) => {
    lock.describe(() => ({ admin, sockets: ["tftp 10.8.0.1:69", socket] }));
    expect(await messageFor(wanted)).toContain("another eim-pxe holds the port (pid 4711");
  });

  test.each<[string, Partial<WantedSocket> & { readonly port: number }]>([
    ["another port", { port: 69 }],
    ["another address", { port: 67, address: "10.9.0.2" }],
    ["another protocol", { port: 67, transport: "TCP" }],
  ])("is not an eim-pxe that has %s", async (_, wanted) => {
    lock.describe(() => ({ admin, sockets: ["dhcp eth1 10.9.0.1:67"] }));
    expect(await messageFor(wanted)).toContain("another program holds the port");
  });

  test("is not believed of whoever took such a name and answers nonsense, or not at all", async () => {
    const answers = ["", "{", '{"pid":"x"}', '{"pid":1,"purpose":"serve"}', "x".repeat(100_000)];
    const servers = answers.map((answer, index) =>
      createServer((socket) => {
        socket.on("error", () => {});
        if (answer !== "") socket.end(answer);
      }).listen(`\0eim-pxe-ffff-${process.pid.toString(16)}${index}`),
    );
    lock.describe(() => ({ admin, sockets: ["dhcp eth1 10.9.0.1:67"] }));
    expect(await messageFor({ port: 67 })).toContain("pid 4711");
    expect(await messageFor({ port: 68 })).toContain("another program holds the port");
    for (const server of servers) server.close();
  });

  test("is not looked for where something else is wrong", async () => {
    const open = namingHolder(() => Promise.reject(new InternalError("else")));
    await expect(open).rejects.toThrow("else");
    expect(await namingHolder(() => Promise.resolve(7))).toBe(7);
  });
});
