import { request } from "node:http";
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

let files: ServedSite;
let site: RunningSite;
beforeAll(async () => {
  files = await ServedSite.openMirrored();
  site = await RunningSite.open(files, {
    mode: "full",
    compatibility: "standard",
    boot: {},
    nodes: [],
    trace: null,
  });
}, 60_000);
afterAll(async () => {
  await site.close();
  await files.close();
});

function statusFor(host: string, path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(`${site.adminUrl}${path}`, { headers: { host } }, (reply) => {
      reply.resume();
      resolve(reply.statusCode);
    });
    asked.once("error", reject).end();
  });
}

describe("field fault 48: the admin port of a running server", () => {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const hosts = own.map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address));

  test("answers by every address of this host, localhost and the names of admin.allowedHosts", async () => {
    for (const host of [...hosts, "localhost", "pxe.site.example"]) {
      expect([host, await statusFor(`${host}:8081`, "/readyz")]).toEqual([host, 200]);
    }
  });

  test.each(["/readyz", "/healthz", "/metrics", "/api/v1/boots", "/"])(
    "answers %s by no other name",
    async (path) => {
      for (const host of ["rebound.example:8081", "192.0.2.1", "pxe.site.example.evil.example"]) {
        expect([host, await statusFor(host, path)]).toEqual([host, 403]);
      }
    },
  );
});
