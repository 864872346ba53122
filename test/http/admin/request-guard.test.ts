import { connect } from "node:net";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { endpoints } from "../../../src/api/endpoints.ts";
import { urlOf } from "../../../src/api/endpoint.ts";
import { errorReply } from "../../../src/api/errors.ts";
import { listen } from "../../../src/http/listen.ts";
import { foreignObjection } from "../../../src/http/admin/request-guard.ts";
import { AdminSite } from "../../support/admin-site.ts";
import { anyNumber } from "../../support/connections.ts";

let site: AdminSite;
beforeEach(() => {
  site = new AdminSite();
});
afterEach(() => site.close());

const json = { "content-type": "application/json" };
const ours = {
  allowedHosts: ["pxe.site.example", "10.96.0.7"],
  isOwnAddress: (address: string) => ["192.168.77.1", "127.0.0.1", "::1"].includes(address),
};
const requests = Object.values(endpoints)
  .filter((endpoint) => endpoint !== endpoints.streamEvents)
  .map((endpoint) => {
    const params = { mac: "52:54:00:12:34:56", address: "192.168.77.100" };
    return [endpoint.method, urlOf(endpoint, { params })] as const;
  });
const changing = requests.filter(([method]) => method !== "GET");

function hostObjection(host: string): string | null {
  return foreignObjection({ method: "GET", headers: { host } }, ours)?.code ?? null;
}

async function refusal(
  method: "GET" | "PATCH" | "POST" | "DELETE",
  url: string,
  headers: Record<string, string>,
): Promise<string | null> {
  const payload = method === "GET" || method === "DELETE" ? {} : { payload: "" };
  const reply = await site.app(ours).inject({ method, url, headers, ...payload });
  if (reply.statusCode !== 403 && reply.statusCode !== 415) return null;
  return `${reply.statusCode} ${errorReply.parse(reply.json()).error.code}`;
}

describe("field fault 48: the Host of a request", () => {
  test.each(requests)(
    "%s %s is not answered under a name that is not ours",
    async (method, url) => {
      expect(await refusal(method, url, { ...json, host: "rebound.example:8081" })).toBe(
        "403 HOST_NOT_ALLOWED",
      );
    },
  );

  test.each([
    "127.0.0.1:8081",
    "127.0.0.1",
    "localhost:8081",
    "LOCALHOST",
    "localhost.:8081",
    "[::1]:8081",
    "192.168.77.1:8081",
    "pxe.site.example",
    "PXE.site.example:8443",
    "10.96.0.7:8081",
  ])("may be %s", (host) => {
    expect(hostObjection(host)).toBeNull();
  });

  test.each([
    "",
    "evil.example",
    "192.168.77.2:8081",
    "[fd00::1]:8081",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "evil.example:8081:127.0.0.1",
    "xpxe.site.example",
    "sub.pxe.site.example",
    "localhost:8081/evil",
    "0.0.0.0:8081",
  ])("may not be %j", (host) => {
    expect(hostObjection(host)).toBe("HOST_NOT_ALLOWED");
  });

  test("is said to be missing from the configuration", async () => {
    const reply = await site
      .app()
      .inject({ url: "/readyz", headers: { host: "pxe.example\u0001" } });
    expect(errorReply.parse(reply.json()).error.message).toMatch(
      /^this port is not asked as pxe\.example\\x01: .* add the name to admin\.allowedHosts$/,
    );
  });

  test("may be absent in HTTP/1.0, as load balancers ask", async () => {
    const { port } = await listen(site.app(), { host: "127.0.0.1", port: 0 }, anyNumber());
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.end("GET /readyz HTTP/1.0\r\n\r\n");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("is judged before the token", async () => {
    const reply = await site.app({ token: "s3cret-of-the-site" }).inject({
      url: "/api/v1/boots",
      headers: { host: "rebound.example" },
    });
    expect(reply.statusCode).toBe(403);
  });
});

describe("field fault 48: a request that changes something", () => {
  test.each(changing)("%s %s needs to be JSON, also without a body", async (method, url) => {
    for (const type of [
      undefined,
      "text/plain",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "application/jsonp",
      "text/plain; application/json",
    ]) {
      const headers = type === undefined ? {} : { "content-type": type };
      expect(await refusal(method, url, headers)).toBe("415 NOT_JSON");
    }
    for (const type of ["application/json", "Application/JSON; charset=utf-8"]) {
      expect(await refusal(method, url, { "content-type": type })).toBeNull();
    }
  });

  test.each(changing)("%s %s may come from a page of ours only", async (method, url) => {
    const from = (origin: string, host = "127.0.0.1:8081") =>
      refusal(method, url, { ...json, host, origin });
    expect(await from("http://127.0.0.1:8081")).toBeNull();
    expect(await from("https://pxe.site.example", "pxe.site.example")).toBeNull();
    expect(await from("https://pxe.site.example", "127.0.0.1:8081")).toBeNull();
    for (const other of [
      "https://evil.example",
      "http://127.0.0.1:3000",
      "http://127.0.0.1",
      "http://localhost:8081",
      "https://pxe.site.example:3000",
      "null",
      "",
      "file://",
    ]) {
      expect(await from(other)).toBe("403 ORIGIN_NOT_ALLOWED");
    }
  });

  test.each(changing)("%s %s may not come across sites", async (method, url) => {
    const from = (fetchSite: string) =>
      refusal(method, url, { ...json, "sec-fetch-site": fetchSite, "sec-fetch-mode": "navigate" });
    expect(await from("cross-site")).toBe("403 ORIGIN_NOT_ALLOWED");
    expect(await from("same-site")).toBe("403 ORIGIN_NOT_ALLOWED");
    expect(await from("same-origin")).toBeNull();
    expect(await from("none")).toBeNull();
  });

  test("does nothing when it is refused", async () => {
    let syncs = 0;
    const app = site.app({
      sync: () => {
        syncs += 1;
        return Promise.resolve({ generation: "g3", changed: true, fetched: [], durationMs: 1 });
      },
    });
    const sync = { method: "POST", url: "/api/v1/artifacts/sync" } as const;
    await app.inject(sync);
    await app.inject({ ...sync, headers: { ...json, origin: "https://evil.example" } });
    await app.inject({ ...sync, headers: { ...json, host: "evil.example" } });
    expect(syncs).toBe(0);
    await app.inject({ ...sync, headers: json });
    expect(syncs).toBe(1);
  });
});

describe("field fault 48: a request that only reads", () => {
  test("may not come from a page of another origin, which could take all streams of events", async () => {
    const from = (headers: Record<string, string>) => refusal("GET", "/api/v1/boots", headers);
    expect(await from({ origin: "https://evil.example" })).toBe("403 ORIGIN_NOT_ALLOWED");
    expect(await from({ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).toBe(
      "403 ORIGIN_NOT_ALLOWED",
    );
    expect(await from({ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" })).toBeNull();
  });

  test("may be a link that is followed from another site", async () => {
    const headers = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect(await refusal("GET", "/api/v1/boots", headers)).toBeNull();
  });
});
