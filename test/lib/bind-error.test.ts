import { describe, expect, test } from "vitest";
import { bindCallError, bindError, type WantedSocket } from "../../src/lib/bind-error.ts";

function failed(errno: string): Error {
  return Object.assign(new Error(`bind ${errno}`), { code: errno });
}

describe("bindError", () => {
  const dhcp: WantedSocket = { transport: "UDP", address: "10.0.0.1", port: 67, device: "eth1" };
  const http: WantedSocket = { transport: "TCP", address: "10.0.0.1", port: 80, device: null };

  test.each([dhcp, http])(
    "names the socket, the privilege that is missing and ways to get it: %j",
    (wanted) => {
      const { message, cause } = bindError(wanted, failed("EACCES"));
      expect(message).toContain(`cannot bind ${wanted.transport} 10.0.0.1:${wanted.port}`);
      expect(message).toContain("CAP_NET_BIND_SERVICE");
      expect(message).toContain("systemd");
      expect(message).toContain("container");
      expect(message.includes("http.port")).toBe(wanted === http);
      expect(cause).toMatchObject({ code: "EACCES" });
    },
  );

  test("guesses who holds a well-known port", () => {
    const tftp = { ...dhcp, port: 69 };
    expect(bindError(tftp, failed("EADDRINUSE")).message).toContain("often tftpd-hpa");
    // TCP 69 is nobody's.
    const tcp = bindError({ ...http, port: 69 }, failed("EADDRINUSE")).message;
    expect(tcp).toContain("another program holds the port. To do (site): see which with: ss -ltnp");
  });

  test.each([
    ["EADDRNOTAVAIL", /no network interface of this host has the address 10\.0\.0\.1.*ip -4 addr/],
    ["ENODEV", /no network interface eth1.*ip -4 addr/],
    ["EAI_AGAIN", /10\.0\.0\.1 could not be resolved/],
  ])("says what is wrong and what to do: %s", (errno, text) => {
    expect(bindError(dhcp, failed(errno)).message).toMatch(text);
  });

  test("of a system before Linux 5.7 names the capability that binding to a device needs there", () => {
    expect(bindCallError(dhcp, "SO_BINDTODEVICE", "EPERM").message).toContain("CAP_NET_RAW");
    expect(bindCallError(dhcp, "bind", "EPERM").message).toContain("CAP_NET_BIND_SERVICE");
  });

  test("leaves what no rule knows as the system says it", () => {
    expect(bindCallError(dhcp, "socket", "ENOBUFS").message).toBe(
      "cannot bind UDP 10.0.0.1:67 on eth1: socket gave ENOBUFS",
    );
    expect(bindError(http, failed("ENOBUFS")).message).toContain("bind ENOBUFS");
  });
});
