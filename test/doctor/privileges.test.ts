import { describe, expect, test } from "vitest";
import { privilegesCheck } from "../../src/doctor/rules/ports.ts";

const denied = {
  socket: "UDP 192.0.2.1:67 on eth1",
  finding: {
    code: "port-privileged",
    cause: "this user may not open the port",
    remedy: "run as root",
    who: "site",
  },
  error: null,
  holder: null,
} as const;
const free = { ...denied, finding: null };

describe("whether this user may open the ports", () => {
  const said = (binding: typeof denied | typeof free, running: { readonly pid: number } | null) =>
    privilegesCheck.run({ bindings: () => Promise.resolve([binding]), running });

  test("is a fault before the server has started", async () => {
    expect(await said(denied, null)).toMatchObject([
      { status: "fail", code: "port-privileged", found: expect.stringContaining(denied.socket) },
    ]);
    expect(await said(free, null)).toMatchObject([{ status: "ok" }]);
  });

  test("keeps no machine from booting once the server has them, as for a command in its container", async () => {
    expect(await said(denied, { pid: 1 })).toMatchObject([
      { status: "ok", found: expect.stringContaining("process 1") },
    ]);
  });
});
