import { once } from "node:events";
import { createServer } from "node:http";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { LeaseClient } from "../../../src/daemon/leader/lease-client.ts";

afterEach(() => void vi.restoreAllMocks());

test("a Lease is given up within two seconds or not at all, however long it lasts", async () => {
  const silent = createServer();
  const asked = once(silent, "request");
  await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
  onTestFinished(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const { port } = Object(silent.address());
  // Timers that the test lets run out.
  const timers = new Map<number, AbortController>();
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const timer = new AbortController();
    timers.set(ms, timer);
    return timer.signal;
  });
  const access = { server: `http://127.0.0.1:${port}`, namespace: "n", token: () => null, tls: {} };
  const client = new LeaseClient({ access, name: "l", identity: "here", leaseSeconds: 300 });
  const released = client.release(0);
  await asked;
  timers.get(2000)?.abort();
  expect([...timers.keys()]).toContain(2000);
  await released;
});
