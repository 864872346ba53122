import { createServer, type Server } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createOrigin, type Origin, type OriginOptions } from "../../src/artifacts/origin.ts";
import { makeCertificate } from "../../src/demo/certificate.ts";
import { startOrchestrator } from "../../src/demo/orchestrator.ts";
import { ConfigError, SyncError } from "../../src/lib/errors.ts";
import { MirrorSite } from "../support/orchestrator.ts";
import { startTunnelProxy } from "../support/proxy.ts";

const bytes = Buffer.from("#!ipxe\nboot\n");
let site: MirrorSite;
const closers: (() => Promise<unknown>)[] = [];
const signal = new AbortController().signal;

beforeEach(async () => {
  site = await MirrorSite.open(new Map([["boot.ipxe", bytes]]));
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  await site.close();
});

function origin(changes: Partial<OriginOptions> = {}): Origin {
  const made = createOrigin(site.originOptions(changes));
  closers.push(() => made.close());
  return made;
}

/** What is fetched, whole; or the state where there is no body. */
async function fetch(from: Origin, name = "boot.ipxe"): Promise<Buffer | string> {
  const answer = await from.get(name, null, signal);
  if (answer.kind !== "body") return answer.kind;
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.chunks) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SyncError);
  return error instanceof SyncError ? error.message : "";
}

/** Something that listens on a free port of loopback. */
async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => new Promise((resolve) => server.close(resolve)));
  const bound = server.address();
  return typeof bound === "object" && bound !== null ? bound.port : 0;
}

describe("a request", () => {
  it("brings the file, its length and its validators", async () => {
    const answer = await origin().get("boot.ipxe", null, signal);
    expect(answer).toMatchObject({
      kind: "body",
      size: bytes.length,
      validators: {
        etag: expect.stringMatching(/^"[0-9a-f]+-c"$/),
        lastModified: expect.stringMatching(/ GMT$/),
      },
    });
  });

  it("brings no body for a version that is known", async () => {
    const from = origin();
    const state = await from.ask("boot.ipxe", null, signal);
    const validators = state.kind === "present" ? state.validators : null;
    expect(validators?.etag).toMatch(/^"/);
    const before = site.orchestrator.counters.bodyBytes;
    expect(await from.get("boot.ipxe", validators, signal)).toEqual({ kind: "unchanged" });
    expect(await from.ask("boot.ipxe", validators, signal)).toEqual({ kind: "unchanged" });
    site.orchestrator.replace("boot.ipxe", bytes);
    expect(await from.ask("boot.ipxe", validators, signal)).toMatchObject({ kind: "present" });
    expect(site.orchestrator.counters.bodyBytes).toBe(before);
  });

  it("tells a file that is not there from a failure", async () => {
    expect(await origin().get("nothing", null, signal)).toEqual({ kind: "absent" });
    expect(await origin().ask("nothing", null, signal)).toEqual({ kind: "absent" });
  });

  it("asks for the plain bytes, and refuses others", async () => {
    const encodings: unknown[] = [];
    site.orchestrator.intercept((_, request, response) => {
      encodings.push(request.headers["accept-encoding"]);
      response.writeHead(200, { "content-encoding": "gzip" }).end("x");
      return true;
    });
    expect(await failure(fetch(origin()))).toMatch(/came compressed \(gzip\)/);
    expect(encodings).toEqual(["identity"]);
  });

  it.each([
    [302, /a redirect to https:\/\/elsewhere\/; set artifacts.origin/],
    [403, /access is denied/],
    [429, /too many requests/],
    [502, /is rebuilt/],
    [500, /log of its ingress/],
    [418, /check artifacts.origin/],
  ])("explains status %i", async (status, expected) => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(status, { location: "https://elsewhere/" }).end("<html></html>");
      return true;
    });
    const message = await failure(fetch(origin()));
    expect(message).toContain(`boot.ipxe was answered with ${status}: `);
    expect(message).toMatch(expected);
    expect(await failure(origin().ask("boot.ipxe", null, signal))).toMatch(expected);
  });
});

describe("trust", () => {
  it("is the configured CA, for every name in the certificate", async () => {
    expect(await fetch(origin())).toEqual(bytes);
    expect(await fetch(origin({ url: site.orchestrator.url("127.0.0.1") }))).toEqual(bytes);
  });

  it("is not given without a CA, and the message says how to get one", async () => {
    const message = await failure(fetch(origin({ ca: null })));
    expect(message).toMatch(/not trusted .*no CA is configured \(artifacts.ca.file\)/);
    expect(message).toContain(`${site.orchestrator.url()}/keys/Full_server.crt`);
    expect(message).toContain("https://<domain>/boots/ca.crt");
    expect(site.orchestrator.counters.requests).toBe(0);
  });

  it("takes the right CA out of several", async () => {
    const other = await makeCertificate(["other.example"], Date.now());
    const ca = { pem: `${other.cert}\n${site.certificate.cert}`, file: "both.crt" };
    expect(await fetch(origin({ ca }))).toEqual(bytes);
  });

  it("refuses a CA file that holds no certificate", () => {
    const ca = { pem: "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----", file: "x.crt" };
    expect(() => origin({ ca })).toThrow(ConfigError);
    expect(() => origin({ ca })).toThrow(/^x\.crt: holds a certificate that cannot be read/);
  });

  it("needs the right name", async () => {
    const proxy = await startTunnelProxy();
    closers.push(() => proxy.close());
    const url = `https://other.example:${site.orchestrator.port}/tink-stack`;
    const message = await failure(fetch(origin({ url, proxy: `http://127.0.0.1:${proxy.port}` })));
    expect(message).toMatch(/is for another name .*9443/s);
  });

  it("needs a certificate that is valid today", async () => {
    const year = 365 * 24 * 3600 * 1000;
    for (const [validFrom, expected] of [
      [Date.now() - 2 * year, /has expired/],
      [Date.now() + year, /not valid yet/],
    ] as const) {
      const certificate = await makeCertificate(["x.example"], validFrom);
      const old = await startOrchestrator({ files: new Map(), certificate });
      closers.push(() => old.close());
      const ca = { pem: certificate.cert, file: "x.crt" };
      expect(await failure(fetch(origin({ url: old.url(), ca })))).toMatch(expected);
    }
  });
});

describe("an origin that cannot be reached", () => {
  it("is explained when nothing listens", async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    const url = `https://127.0.0.1:${port}/tink-stack`;
    expect(await failure(fetch(origin({ url })))).toMatch(/nothing listens at 127\.0\.0\.1:\d+ /);
  });

  it("is explained when it does not speak TLS", async () => {
    const port = await listening(createHttpServer((_, response) => response.end("hello")));
    const url = `https://127.0.0.1:${port}/tink-stack`;
    expect(await failure(fetch(origin({ url })))).toMatch(/the TLS handshake .* failed/);
  });

  it("is explained when it hangs up without an answer", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.destroy();
      return true;
    });
    expect(await failure(fetch(origin()))).toMatch(/connection was closed before the end/);
  });
});

describe("a transfer", () => {
  it("is given up when it stalls", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("#!ipxe\n");
      return true;
    });
    expect(await failure(fetch(origin({ stallTimeoutMs: 200 })))).toMatch(
      /after 7 of 1000 bytes: the transfer stalled/,
    );
  });

  it("is given up when no answer comes", async () => {
    site.orchestrator.intercept(() => true);
    expect(await failure(fetch(origin({ stallTimeoutMs: 200 })))).toMatch(/gave no answer in time/);
  });

  it("ends with the signal", async () => {
    const stop = new AbortController();
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("#!ipxe\n");
      stop.abort();
      return true;
    });
    const stopped = (async () => {
      const answer = await origin().get("boot.ipxe", null, stop.signal);
      if (answer.kind === "body") for await (const _ of answer.chunks);
    })();
    expect(await failure(stopped)).toMatch(/it was stopped/);
  });

  it("may be left unread when the run is stopped, without a trace", async () => {
    const stop = new AbortController();
    const from = origin();
    const answer = await from.get("boot.ipxe", null, stop.signal);
    expect(answer.kind).toBe("body");
    stop.abort();
    await from.close();
    expect(await fetch(origin())).toEqual(bytes);
  });

  it("without a length is taken to its end", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(200);
      response.write("#!ipxe\n");
      response.end("boot\n");
      return true;
    });
    expect(await fetch(origin())).toEqual(bytes);
  });
});

describe("a proxy", () => {
  it("named in the configuration is used, with its credentials, whatever the environment says", async () => {
    const proxy = await startTunnelProxy();
    closers.push(() => proxy.close());
    const from = origin({
      proxy: `http://user:p%40ss@127.0.0.1:${proxy.port}`,
      environment: { httpProxy: null, httpsProxy: "http://127.0.0.1:1", noProxy: "localhost" },
    });
    expect(await fetch(from)).toEqual(bytes);
    expect(proxy.tunnels).toEqual([
      {
        target: `localhost:${site.orchestrator.port}`,
        authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
      },
    ]);
  });

  it("named in the environment is used, except where NO_PROXY says otherwise", async () => {
    const proxy = await startTunnelProxy();
    closers.push(() => proxy.close());
    const httpsProxy = `http://127.0.0.1:${proxy.port}`;
    const environment = { httpProxy: null, httpsProxy, noProxy: "other.example,.example.com" };
    expect(await fetch(origin({ environment }))).toEqual(bytes);
    expect(proxy.tunnels).toHaveLength(1);
    const spared = { ...environment, noProxy: "localhost" };
    expect(await fetch(origin({ environment: spared }))).toEqual(bytes);
    expect(proxy.tunnels).toHaveLength(1);
  });

  it("does not change whom the origin's certificate has to come from", async () => {
    const proxy = await startTunnelProxy();
    closers.push(() => proxy.close());
    const from = origin({ ca: null, proxy: `http://127.0.0.1:${proxy.port}` });
    expect(await failure(fetch(from))).toMatch(/is not trusted/);
    expect(proxy.tunnels).toHaveLength(1);
  });

  it.each([
    [407, /wants a user name and password \(407\)/],
    [403, /refused the connection to the origin \(403\)/],
  ])("that answers %i is named, without its password", async (status, expected) => {
    const proxy = await startTunnelProxy(status);
    closers.push(() => proxy.close());
    const message = await failure(
      fetch(origin({ proxy: `http://user:secret@127.0.0.1:${proxy.port}` })),
    );
    expect(message).toMatch(expected);
    expect(message).toContain(`the proxy http://127.0.0.1:${proxy.port}`);
    expect(message).not.toContain("secret");
  });

  it("that is down is named", async () => {
    const server = createServer();
    const port = await listening(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(fetch(origin({ proxy: `http://127.0.0.1:${port}` })))).toContain(
      `Requests go through the proxy http://127.0.0.1:${port}`,
    );
  });

  it("that is no URL is a fault of the configuration", () => {
    expect(() => origin({ proxy: "proxy.example:912" })).toThrow(ConfigError);
    expect(() => origin({ proxy: "::" })).toThrow(/^artifacts\.proxy: /);
  });
});
