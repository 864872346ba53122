import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../../src/lib/errors.ts";
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
      environment: { httpProxy: null, httpsProxy: "http://127.0.0.1:1", noProxy: "localhost" },
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
    const environment = { httpProxy: null, httpsProxy, noProxy: "other.example,.example.com" };
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
