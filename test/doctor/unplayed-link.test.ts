import { describe, expect, test } from "vitest";
import { clientPortFaults } from "../../src/doctor/unplayed-link.ts";
import { bindError } from "../../src/lib/bind-error.ts";
import { BindError } from "../../src/lib/errors.ts";

const link = {
  name: "eth1",
  address: "192.0.2.1",
  subnet: { network: "192.0.2.0", prefixLength: 24 },
};
const wanted = { transport: "UDP", address: link.address, port: 68, device: link.name } as const;
const failedWith = (code: string) => bindError(wanted, Object.assign(new Error(code), { code }));

describe("the client's port that cannot be had", () => {
  test.each([
    [failedWith("EACCES"), "privileges", "port-privileged"],
    [failedWith("EADDRINUSE"), "ports", "port-in-use"],
    [new BindError("install koffi"), "ports", "port-not-opened"],
  ])("is a fault with what to do: %s", async (error, id, code) => {
    expect(await clientPortFaults(link, error)).toEqual([
      {
        id,
        status: "fail",
        code,
        found: expect.stringContaining("UDP 192.0.2.1:68 on eth1"),
        remedy: expect.any(String),
        who: "site",
      },
    ]);
  });
});
