import { createServer } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { createFetchedTrust } from "../../../src/artifacts/origin/trust.ts";
import { startOrchestrator } from "../../../src/demo/orchestrator.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { certify } from "../../support/certificates.ts";
import { closedPort, fetchWhole, MirrorSite, syncFailure } from "../../support/orchestrator.ts";
import { startTunnelProxy } from "../../support/proxy.ts";

const bytes = Buffer.from("#!ipxe\nboot\n");
let site: MirrorSite;

beforeEach(async () => {
  site = await MirrorSite.open(new Map([["boot.ipxe", bytes]]));
});
afterEach(() => site.close());

describe("a proxy", () => {
  it("named in the configuration is used, with its credentials, whatever the environment says", async () => {
    const proxy = await startTunnelProxy();
    site.atEnd(() => proxy.close());
    const from = site.origin({
      proxy: `http://user:p%40ss@127.0.0.1:${proxy.port}`,
      environment: { ...noProxies, httpsProxy: "http://127.0.0.1:1", noProxy: "localhost" },
    });
    expect(await fetchWhole(from)).toEqual(bytes);
    expect(proxy.tunnels).toEqual([
      {
        target: `localhost:${site.orchestrator.port}`,
        authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
      },
    ]);
  });

  it("named in the environment is used, except where NO_PROXY says otherwise", async () => {
    const proxy = await startTunnelProxy();
    site.atEnd(() => proxy.close());
    const httpsProxy = `http://127.0.0.1:${proxy.port}`;
    const environment = { ...noProxies, httpsProxy, noProxy: "other.example,.example.com" };
    expect(await fetchWhole(site.origin({ environment }))).toEqual(bytes);
    expect(proxy.tunnels).toHaveLength(1);
    const spared = { ...environment, noProxy: "localhost" };
    expect(await fetchWhole(site.origin({ environment: spared }))).toEqual(bytes);
    expect(proxy.tunnels).toHaveLength(1);
  });

  it("does not change whom the origin's certificate has to come from", async () => {
    const proxy = await startTunnelProxy();
    site.atEnd(() => proxy.close());
    const from = site.origin({ ca: null, proxy: `http://127.0.0.1:${proxy.port}` });
    expect(await syncFailure(fetchWhole(from))).toMatch(/is not trusted/);
    expect(proxy.tunnels).toHaveLength(1);
  });

  it.each([
    [407, /wants a user name and password \(407\)/],
    [403, /refused the connection to the origin \(403\)/],
  ])("that answers %i is named, without its password", async (status, expected) => {
    const proxy = await startTunnelProxy(status);
    site.atEnd(() => proxy.close());
    const message = await syncFailure(
      fetchWhole(site.origin({ proxy: `http://user:secret@127.0.0.1:${proxy.port}` })),
    );
    expect(message).toMatch(expected);
    expect(message).toContain(`the proxy http://127.0.0.1:${proxy.port}`);
    expect(message).not.toContain("secret");
  });

  it("that is down is named", async () => {
    const port = await closedPort();
    expect(
      await syncFailure(fetchWhole(site.origin({ proxy: `http://127.0.0.1:${port}` }))),
    ).toContain(`Requests go through the proxy http://127.0.0.1:${port}`);
  });

  it("that is no URL is a fault of the configuration", () => {
    expect(() => site.origin({ proxy: "proxy.example:912" })).toThrow(ConfigError);
    expect(() => site.origin({ proxy: "::" })).toThrow(/^artifacts\.proxy: /);
  });
});

describe("an origin of plain HTTP behind a proxy", () => {
  it("field fault 24: is asked for by its whole URL", async () => {
    const server = createServer((request, response) => response.end(`came as ${request.url}`));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    site.atEnd(() => new Promise((resolve) => server.close(resolve)));
    const bound = server.address();
    const port = typeof bound === "object" ? bound?.port : 0;
    const proxy = await startTunnelProxy();
    site.atEnd(() => proxy.close());
    const from = site.origin({
      url: `http://files.example:${port}/artifacts`,
      proxy: `http://user:p%40ss@127.0.0.1:${proxy.port}`,
    });
    expect(await fetchWhole(from)).toEqual(Buffer.from("came as /artifacts/boot.ipxe"));
    expect(proxy.tunnels).toEqual([]);
    const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
    const url = `http://files.example:${port}/artifacts/boot.ipxe`;
    expect(proxy.requests).toEqual([{ url, authorization }]);
  });

  it("field fault 24: has its CA fetched through it, too", async () => {
    const server = createServer((_, response) => response.end(site.certificate.cert));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    site.atEnd(() => new Promise((resolve) => server.close(resolve)));
    const bound = server.address();
    const port = typeof bound === "object" ? bound?.port : 0;
    const proxy = await startTunnelProxy();
    site.atEnd(() => proxy.close());
    const url = `http://cluster.example:${port}/boots/ca.crt`;
    const trust = createFetchedTrust({
      url,
      sha256: null,
      directory: site.folder,
      emit: site.events.emit,
      proxy: null,
      environment: { ...noProxies, httpProxy: `127.0.0.1:${proxy.port}` },
    });
    expect((await trust.authority())?.pem).toBe(site.certificate.cert);
    expect(proxy.requests).toEqual([{ url, authorization: null }]);
  });
});

describe("an origin whose host is an IPv6 address", () => {
  it.each([false, true])(
    "field fault 25: is asked by it (through a proxy: %s)",
    async (isProxied) => {
      const certificate = await certify("v6", null, { isCa: true });
      const host = "::1";
      const files = new Map([["boot.ipxe", bytes]]);
      const orchestrator = await startOrchestrator({ files, certificate, host });
      site.atEnd(() => orchestrator.close());
      const proxy = await startTunnelProxy(null, [], "::1");
      site.atEnd(() => proxy.close());
      const from = site.origin({
        url: orchestrator.url("[::1]"),
        ca: { pem: certificate.cert, file: "ca.pem" },
        proxy: isProxied ? `http://127.0.0.1:${proxy.port}` : null,
      });
      expect(await fetchWhole(from)).toEqual(bytes);
      const targets = proxy.tunnels.map(({ target }) => target);
      expect(targets).toEqual(isProxied ? [`[::1]:${orchestrator.port}`] : []);
      // The name in the certificate counts, and not the proxy's.
      const another = await certify("v4", null, { isCa: true });
      const untrusting = site.origin({
        url: orchestrator.url("[::1]"),
        ca: { pem: another.cert, file: "ca.pem" },
        proxy: isProxied ? `http://127.0.0.1:${proxy.port}` : null,
      });
      expect(await syncFailure(fetchWhole(untrusting))).toMatch(/is not trusted/);
    },
  );
});
