import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { serviceManager } from "../../src/net/service-manager.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-notify-"));
const receivers: ChildProcess[] = [];
afterEach(() => {
  for (const receiver of receivers.splice(0)) receiver.kill("SIGKILL");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A service manager's socket; gives what comes there, one text after the other. */
async function managerAt(path: string): Promise<() => Promise<string>> {
  const guest = fileURLToPath(new URL("guests/notify-receiver.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", guest, path]);
  receivers.push(child);
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => String(JSON.parse((await lines.next()).value ?? '""'));
  expect(await next()).toBe("bound");
  return next;
}

describe("serviceManager", () => {
  it.each([join(folder, "notify"), `@eim-pxe-test-${process.pid}`])(
    "tells a service manager at %s what the server does",
    async (path) => {
      const next = await managerAt(path);
      const manager = await serviceManager({ NOTIFY_SOCKET: path }, process.pid);
      manager.ready();
      expect(await next()).toMatch(/^READY=1\nSTATUS=/);
      manager.reloading();
      expect(await next()).toMatch(/^RELOADING=1\n/);
      manager.stopping();
      expect(await next()).toMatch(/^STOPPING=1\n/);
      manager.close();
    },
    30_000,
  );

  it("shows signs of life where they are wanted of this process", async () => {
    const path = join(folder, "watched");
    const next = await managerAt(path);
    const environment = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "20000" };
    const other = await serviceManager({ ...environment, WATCHDOG_PID: "1" }, process.pid);
    other.ready();
    const manager = await serviceManager(
      { ...environment, WATCHDOG_PID: String(process.pid) },
      process.pid,
    );
    expect(await next()).toMatch(/^READY=1/);
    expect([await next(), await next()]).toEqual(["WATCHDOG=1", "WATCHDOG=1"]);
    manager.close();
    other.close();
  }, 30_000);

  it("does nothing without one, and harms nobody where it cannot be reached", async () => {
    const none = await serviceManager({}, process.pid);
    none.ready();
    none.close();
    const gone = await serviceManager({ NOTIFY_SOCKET: join(folder, "gone") }, process.pid);
    expect(() => gone.ready()).not.toThrow();
    gone.close();
  });
});
