import { describe, expect, test } from "vitest";
import { portsCheck, privilegesCheck } from "../../src/doctor/rules/ports.ts";

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
  mayBePassed: true,
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

describe("a port that the first process has", () => {
  const inUse = { ...denied.finding, code: "port-in-use" } as const;
  const said = (name: string, mayBePassed: boolean, running: { readonly pid: number } | null) => {
    const binding = { ...denied, finding: inUse, holder: { pid: 1, name }, mayBePassed };
    return portsCheck.run({ bindings: () => Promise.resolve([binding]), running });
  };

  test("is ours where systemd hands it over, and where that process is the server", async () => {
    expect(await said("systemd", true, null)).toMatchObject([
      { status: "ok", found: expect.stringContaining("hands it over") },
    ]);
    expect(await said("node", false, { pid: 1 })).toMatchObject([{ status: "ok" }]);
  });

  test("is taken where it is TFTP's, and where that process is another server in a container", async () => {
    expect(await said("systemd", false, null)).toMatchObject([{ code: "port-in-use" }]);
    expect(await said("dnsmasq", true, null)).toMatchObject([
      { code: "port-in-use", found: expect.stringContaining("it is dnsmasq (process 1)") },
    ]);
  });
});
