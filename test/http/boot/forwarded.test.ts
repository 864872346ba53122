import { afterEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../../src/config/load.ts";
import { readForwarded } from "../../../src/http/boot/forwarded.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import { BootPort, orchestratorScript } from "../../support/boot-port.ts";

/* `http.trustedProxies`: machines behind a reverse proxy are known by what it says of them. */

const trusted = [subnetOf("10.0.0.5", 32), subnetOf("172.16.0.0", 12)];
const client = (headers: Record<string, string>, peer = "10.0.0.5") =>
  readForwarded(headers, peer, trusted)?.client;

describe("the machine behind a proxy", () => {
  test.each([
    ["the only address", { "x-forwarded-for": "192.168.77.50" }, "192.168.77.50"],
    [
      "the nearest that is no proxy",
      { "x-forwarded-for": "9.9.9.9, 192.168.77.50, 172.16.3.4" },
      "192.168.77.50",
    ],
    [
      "the farthest proxy, where all are proxies",
      { "x-forwarded-for": "172.16.3.4, 172.16.3.5" },
      "172.16.3.4",
    ],
    ["with a port", { "x-forwarded-for": "192.168.77.50:51234" }, "192.168.77.50"],
    [
      "by RFC 7239",
      { forwarded: 'for=9.9.9.9, For="192.168.77.50:4711";proto=http;by=10.0.0.5' },
      "192.168.77.50",
    ],
    [
      "by both, where they agree",
      { forwarded: "for=192.168.77.50", "x-forwarded-for": "9.9.9.9, 192.168.77.50" },
      "192.168.77.50",
    ],
    [
      "by the other, where RFC 7239's names none",
      { forwarded: "host=boot.site;proto=https", "x-forwarded-for": "192.168.77.50" },
      "192.168.77.50",
    ],
  ])("is %s", (_, headers, expected) => {
    expect(client(headers)).toBe(expected);
  });

  test.each([
    ["nothing is said", {}],
    ["it is no address", { "x-forwarded-for": "unknown" }],
    ["it is hidden", { forwarded: "for=_secret" }],
    ["it is IPv6", { forwarded: 'for="[2001:db8::1]"' }],
    ["it is empty", { "x-forwarded-for": " , ," }],
    // One of them is the machine's own, which the proxy passed on.
    ["two headers differ", { forwarded: "for=192.168.77.50", "x-forwarded-for": "192.168.77.66" }],
    ["one of two is hidden", { forwarded: "for=_secret", "x-forwarded-for": "192.168.77.66" }],
  ])("is not known where %s", (_, headers) => {
    expect(client(headers)).toBeNull();
  });

  test("what stands before something that is no address does not count", () => {
    expect(client({ "x-forwarded-for": "192.168.77.50, nonsense, 172.16.3.4" })).toBe("172.16.3.4");
  });

  test("is told by nobody else", () => {
    expect(client({ "x-forwarded-for": "192.168.77.50" }, "192.168.77.66")).toBeUndefined();
    expect(readForwarded({ "x-forwarded-for": "192.168.77.50" }, "10.0.0.5", [])).toBeNull();
  });
});

describe("the server as the machine asked for it", () => {
  const url = (headers: Record<string, string>) =>
    readForwarded(headers, "10.0.0.5", trusted)?.baseUrl;

  test.each([
    [
      { "x-forwarded-host": "boot.site.example", "x-forwarded-proto": "https" },
      "https://boot.site.example",
    ],
    [{ "x-forwarded-host": "198.51.100.7:8080" }, "http://198.51.100.7:8080"],
    [
      { forwarded: "for=192.168.77.50;host=boot.site.example;proto=https" },
      "https://boot.site.example",
    ],
  ])("%j", (headers, expected) => {
    expect(url(headers)).toBe(expected);
  });

  test.each([
    ["a space and more", { "x-forwarded-host": "a b" }],
    ["a command of iPXE", { "x-forwarded-host": "x||sh" }],
    ["another protocol", { "x-forwarded-host": "a.example", "x-forwarded-proto": "ftp" }],
    ["nothing", {}],
  ])("is not taken from %s", (_, headers) => {
    expect(url(headers)).toBeNull();
  });
});

describe("a boot through a proxy", () => {
  let port: BootPort;
  afterEach(() => port.close());

  async function opened(trustedProxies = [subnetOf("127.0.0.1", 32)]): Promise<void> {
    port = new BootPort({ trustedProxies });
    port.addGeneration("g1", { "boot.ipxe": orchestratorScript, "vmlinuz-x86_64": "kernel" });
    port.currentGeneration = "g1";
    await port.open();
  }

  const through = { "x-forwarded-for": "192.168.77.50", "x-forwarded-host": "boot.site:80" };

  test("is in the machine's timeline, and its script names the proxy", async () => {
    await opened();
    const script = await fetch(`${port.url}/08:00:27:29:4e:67/boot.ipxe`, { headers: through });
    expect(await script.text()).toContain("set download-url http://boot.site:80/artifacts");
    await (await fetch(`${port.url}/artifacts/vmlinuz-x86_64`, { headers: through })).text();
    expect(port.events).toMatchObject([
      { event: "script", mac: "08:00:27:29:4e:67", address: "192.168.77.50" },
      { event: "kernel", address: "192.168.77.50" },
      { event: "kernel-done", address: "192.168.77.50" },
    ]);
  });

  test("is not taken for another machine's by a header that the proxy passed on", async () => {
    await opened();
    const forged = { ...through, forwarded: "for=192.168.77.9;host=evil.site" };
    const script = await fetch(`${port.url}/boot.ipxe`, { headers: forged });
    expect(await script.text()).toContain(`set download-url ${port.url}/artifacts`);
    expect(port.events).toMatchObject([{ event: "script", mac: null, address: null }]);
  });

  test("says nothing of others where the proxy is not trusted", async () => {
    await opened([]);
    const script = await fetch(`${port.url}/boot.ipxe`, { headers: through });
    expect(await script.text()).toContain(`set download-url ${port.url}/artifacts`);
    expect(port.events).toMatchObject([{ event: "script", address: "127.0.0.1" }]);
  });
});

test("every address there is cannot be a trusted proxy, and a name is none", () => {
  expect(
    parseConfig("http: { trustedProxies: [10.0.0.5, 172.16.0.0/12] }", "t.yaml").http
      .trustedProxies,
  ).toEqual(trusted);
  expect(() => parseConfig("http: { trustedProxies: [0.0.0.0/0] }", "t.yaml")).toThrow(
    /any machine/,
  );
  expect(() => parseConfig("http: { trustedProxies: [proxy] }", "t.yaml")).toThrow(
    /must be an IPv4/,
  );
});
