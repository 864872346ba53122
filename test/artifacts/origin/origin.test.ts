import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCertificate } from "../../../src/lib/certificate.ts";
import { startOrchestrator } from "../../../src/demo/orchestrator.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { closedPort, fetchWhole, MirrorSite, syncFailure } from "../../support/orchestrator.ts";
import { startTunnelProxy } from "../../support/proxy.ts";

const bytes = Buffer.from("#!ipxe\nboot\n");
const date = "Thu, 01 Jan 2026 00:00:00 GMT";
const sha256 = "5e".repeat(32);
let site: MirrorSite;
const signal = new AbortController().signal;

beforeEach(async () => {
  site = await MirrorSite.open(new Map([["boot.ipxe", bytes]]));
});
afterEach(() => site.close());

describe("a request", () => {
  it("brings the file, its length and its validators", async () => {
    const answer = await site.origin().get("boot.ipxe", null, signal);
    expect(answer).toMatchObject({
      kind: "body",
      size: bytes.length,
      version: {
        etag: expect.stringMatching(/^"[0-9a-f]+-c"$/),
        lastModified: expect.stringMatching(/ GMT$/),
      },
    });
  });

  it("brings no body for a version that is known", async () => {
    const from = site.origin();
    const state = await from.ask("boot.ipxe", null, signal);
    const validators = state.kind === "present" ? state.version : null;
    expect(validators?.etag).toMatch(/^"/);
    const before = site.orchestrator.counters.bodyBytes;
    expect(await from.get("boot.ipxe", validators, signal)).toEqual({ kind: "unchanged" });
    expect(await from.ask("boot.ipxe", validators, signal)).toEqual({ kind: "unchanged" });
    site.orchestrator.replace("boot.ipxe", bytes);
    expect(await from.ask("boot.ipxe", validators, signal)).toMatchObject({ kind: "present" });
    expect(site.orchestrator.counters.bodyBytes).toBe(before);
  });

  it.each([
    [{ etag: null, lastModified: date }, { "if-modified-since": date }],
    [
      { etag: '"1"', lastModified: date },
      { "if-none-match": '"1"', "if-modified-since": date },
    ],
    [{ etag: null, lastModified: null }, { "if-none-match": `"${sha256}"` }],
    [{ etag: `"${sha256}"`, lastModified: null }, { "if-none-match": `"${sha256}"` }],
  ])("asks by the validators that the origin gave: %j", async (validators, expected) => {
    let asked = {};
    site.orchestrator.intercept((_, { headers }, response) => {
      const conditions = ["if-none-match", "if-modified-since"];
      asked = Object.fromEntries(
        Object.entries(headers).filter(([key]) => conditions.includes(key)),
      );
      response.writeHead(304).end();
      return true;
    });
    const known = { ...validators, sha256 };
    expect(await site.origin().ask("boot.ipxe", known, signal)).toEqual({ kind: "unchanged" });
    expect(asked).toEqual(expected);
  });

  it("tells a file that is not there from a failure", async () => {
    expect(await site.origin().get("nothing", null, signal)).toEqual({ kind: "absent" });
    expect(await site.origin().ask("nothing", null, signal)).toEqual({ kind: "absent" });
  });

  it("asks for the plain bytes, and refuses others", async () => {
    const encodings: unknown[] = [];
    site.orchestrator.intercept((_, request, response) => {
      encodings.push(request.headers["accept-encoding"]);
      response.writeHead(200, { "content-encoding": "gzip" }).end("x");
      return true;
    });
    expect(await syncFailure(fetchWhole(site.origin()))).toMatch(/in compressed form \(gzip\)/);
    expect(encodings).toEqual(["identity"]);
  });

  it.each([
    [302, /a redirect to https:\/\/elsewhere\/\. To do \(site\): set artifacts.origin/],
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
    const message = await syncFailure(fetchWhole(site.origin()));
    expect(message).toContain(`boot.ipxe was answered with ${status}: `);
    expect(message).toMatch(expected);
    expect(await syncFailure(site.origin().ask("boot.ipxe", null, signal))).toMatch(expected);
  });
});

describe("trust", () => {
  it("is the configured CA, for every name in the certificate", async () => {
    expect(await fetchWhole(site.origin())).toEqual(bytes);
    expect(await fetchWhole(site.origin({ url: site.orchestrator.url("127.0.0.1") }))).toEqual(
      bytes,
    );
  });

  it("is not given without a CA, and the message says how to get one", async () => {
    const message = await syncFailure(fetchWhole(site.origin({ ca: null })));
    expect(message).toMatch(/not trusted .*no CA is configured \(artifacts.ca.file\)/);
    expect(message).toContain(`${site.orchestrator.url()}/keys/Full_server.crt`);
    expect(message).toContain("https://<domain>/boots/ca.crt");
    expect(site.orchestrator.counters.requests).toBe(0);
  });

  it("takes the right CA out of several", async () => {
    const other = await makeCertificate(["other.example"], Date.now());
    const ca = { pem: `${other.cert}\n${site.certificate.cert}`, file: "both.crt" };
    expect(await fetchWhole(site.origin({ ca }))).toEqual(bytes);
  });

  it("refuses a CA file that holds no certificate", () => {
    const ca = { pem: "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----", file: "x.crt" };
    expect(() => site.origin({ ca })).toThrow(ConfigError);
    expect(() => site.origin({ ca })).toThrow(/^x\.crt: holds a certificate that cannot be read/);
  });

  it("needs the right name", async () => {
    const proxy = await startTunnelProxy();
    site.atEnd(() => proxy.close());
    const url = `https://other.example:${site.orchestrator.port}/tink-stack`;
    const message = await syncFailure(
      fetchWhole(site.origin({ url, proxy: `http://127.0.0.1:${proxy.port}` })),
    );
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
      site.atEnd(() => old.close());
      const ca = { pem: certificate.cert, file: "x.crt" };
      expect(await syncFailure(fetchWhole(site.origin({ url: old.url(), ca })))).toMatch(expected);
    }
  });
});

describe("an origin that cannot be reached", () => {
  it("is explained when nothing listens", async () => {
    const url = `https://127.0.0.1:${await closedPort()}/tink-stack`;
    expect(await syncFailure(fetchWhole(site.origin({ url })))).toMatch(
      /nothing listens at 127\.0\.0\.1:\d+ /,
    );
  });

  it("is explained when it does not speak TLS", async () => {
    // A proxy that is asked for nothing is a plain HTTP server.
    const plain = await startTunnelProxy();
    site.atEnd(() => plain.close());
    const url = `https://127.0.0.1:${plain.port}/tink-stack`;
    expect(await syncFailure(fetchWhole(site.origin({ url })))).toMatch(
      /the TLS handshake .* failed/,
    );
  });

  it("is explained when it hangs up without an answer", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.destroy();
      return true;
    });
    expect(await syncFailure(fetchWhole(site.origin()))).toMatch(
      /connection was closed before the end/,
    );
  });
});

describe("a transfer", () => {
  it.each([302, 404, 503])("of an answer %i is given up when its body stalls", async (status) => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(status, { "content-length": 1000 }).write("partial");
      return true;
    });
    const asked = site.origin({ stallTimeoutMs: 200 }).get("boot.ipxe", null, signal);
    const outcome = await asked.then(({ kind }) => kind, String);
    expect(outcome).toMatch(status === 404 ? /^absent$/ : new RegExp(`answered with ${status}`));
  });

  it("is given up when it stalls", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("#!ipxe\n");
      return true;
    });
    expect(await syncFailure(fetchWhole(site.origin({ stallTimeoutMs: 200 })))).toMatch(
      /after 7 of 1000 bytes: the transfer stalled/,
    );
  });

  it("is given up when no answer comes", async () => {
    site.orchestrator.intercept(() => true);
    expect(await syncFailure(fetchWhole(site.origin({ stallTimeoutMs: 200 })))).toMatch(
      /gave no answer in time/,
    );
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
      const answer = await site.origin().get("boot.ipxe", null, stop.signal);
      if (answer.kind === "body") for await (const _ of answer.chunks);
    })();
    expect(await syncFailure(stopped)).toMatch(/it was stopped/);
  });

  it("may be left unread when the run is stopped, without a trace", async () => {
    const stop = new AbortController();
    const from = site.origin();
    const answer = await from.get("boot.ipxe", null, stop.signal);
    expect(answer.kind).toBe("body");
    stop.abort();
    await from.close();
    expect(await fetchWhole(site.origin())).toEqual(bytes);
  });

  it("without a length is taken to its end", async () => {
    site.orchestrator.intercept((_, __, response) => {
      response.writeHead(200);
      response.write("#!ipxe\n");
      response.end("boot\n");
      return true;
    });
    expect(await fetchWhole(site.origin())).toEqual(bytes);
  });
});
