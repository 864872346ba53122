import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type FetchedLoader,
  keepFetchedLoaders,
  mayFollow,
} from "../../../src/artifacts/loaders/fetched-loaders.ts";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { makeMicroOs } from "../../../src/demo/micro-os.ts";
import { EventLog } from "../../support/orchestrator.ts";

const { kernel: efi } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes: 0 });
const right = createHash("sha256").update(efi).digest("hex");

let folder: string;
let server: Server;
let answer: RequestListener;
let asked: string[];
let base: string;
let stops: (() => void)[];
const events = new EventLog();
beforeEach(async () => {
  events.all.length = 0;
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-loaders-"));
  asked = [];
  stops = [];
  answer = (_, response) => response.end(efi);
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  base = `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`;
});
afterEach(async () => {
  for (const stop of stops) stop();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  await rm(folder, { recursive: true, force: true });
});

const loader = (sha256: string, path = "/x/ipxe.efi"): FetchedLoader => ({
  url: `${base}${path}`,
  sha256,
});

async function keep(loaders: Readonly<Record<string, FetchedLoader>>): Promise<void> {
  const { emit } = events;
  const ways = { proxy: null, environment: noProxies };
  stops.push(await keepFetchedLoaders({ loaders, folder, emit, retryMs: 3_600_000, ...ways }));
}

describe("a loader from a URL", () => {
  it("is fetched once if it has the expected SHA-256, and not taken otherwise", async () => {
    await keep({ "ipxe.efi": loader(right), "bad.efi": loader("0".repeat(64)) });
    await events.count("loader-fetched", 1);
    await events.count("loader-unusable", 1);
    expect(events.named("loader-unusable")[0]?.reason).toMatch(/its SHA-256 is .* expects 0000/);
    expect(await readFile(join(folder, "ipxe.efi"))).toEqual(Buffer.from(efi));
    await expect(readFile(join(folder, "bad.efi"))).rejects.toThrow("ENOENT");
    expect(asked).toHaveLength(2);
    await keep({ "ipxe.efi": loader(right) });
    expect(asked).toHaveLength(2);
    // What is no longer named goes.
    await keep({});
    await expect(readFile(join(folder, "ipxe.efi"))).rejects.toThrow("ENOENT");
  });

  it("field fault 27: is fetched from where its URL leads to, as release assets are", async () => {
    answer = (request, response) => {
      if (request.url === "/release/ipxe.efi") response.writeHead(302, { location: "/away" }).end();
      else if (request.url === "/away") {
        response.writeHead(307, { location: `${base}/storage/a/b?sig=x/y%2Fz&se=1` }).end();
      } else response.end(efi);
    };
    await keep({ "ipxe.efi": loader(right, "/release/ipxe.efi") });
    await events.count("loader-fetched", 1);
    expect(asked).toEqual(["/release/ipxe.efi", "/away", "/storage/a/b?sig=x/y%2Fz&se=1"]);
    expect(await readFile(join(folder, "ipxe.efi"))).toEqual(Buffer.from(efi));
  });

  it("field fault 27: that leads nowhere is told with the right key, and without what opens the storage", async () => {
    answer = (request, response) => {
      if (request.url?.startsWith("/secret") === true) response.writeHead(403).end();
      else if (request.url === "/loop") response.writeHead(301, { location: "/loop" }).end();
      else if (request.url === "/file") response.writeHead(302, { location: "file:///x" }).end();
      else response.writeHead(302, { location: "/secret?sig=opensesame" }).end();
    };
    await keep({
      "a.efi": loader(right, "/loop"),
      "b.efi": loader(right, "/file"),
      "c.efi": loader(right, "/c"),
    });
    await events.count("loader-unusable", 3);
    const reasons = events.named("loader-unusable").map(({ reason }) => reason);
    expect(reasons[0]).toMatch(/more than 5 times.*artifacts\.loaderUrls/);
    expect(reasons[1]).toMatch(/a redirect to file:\/\/\/x.*set artifacts\.loaderUrls/);
    expect(reasons[2]).toMatch(/\/secret was answered with 403/);
    expect(reasons.join()).not.toMatch(/opensesame|artifacts\.origin/);
  });

  it.each<[string, typeof answer]>([
    ["brings other bytes", (_request, response) => response.end("other")],
    [
      "ends too early",
      (_request, response) => {
        response.writeHead(200, { "content-length": 1000 }).write("part");
        response.destroy();
      },
    ],
    ["is not there", (_request, response) => response.writeHead(404).end()],
    [
      "leads on and on",
      (request, response) => response.writeHead(302, { location: request.url }).end(),
    ],
  ])(
    "whose URL has a secret behind its question mark and %s is told without that",
    async (_, how) => {
      answer = how;
      await keep({ "a.efi": loader(right, "/a.efi?sig=opensesame") });
      await events.count("loader-unusable", 1);
      const [told] = events.named("loader-unusable");
      expect(told?.reason).toContain("/a.efi");
      expect(told?.reason).not.toContain("opensesame");
    },
  );

  it.each([
    ["https://a.example/x", "https://b.example/y", true],
    ["https://a.example/x", "http://a.example/y", false],
    ["http://a.example/x", "http://b.example/y", true],
    ["http://a.example/x", "https://b.example/y", true],
    ["https://a.example/x", "ftp://a.example/y", false],
  ])("field fault 27: from %s to %s: %s", (from, to, may) => {
    expect(mayFollow(from, new URL(to))).toBe(may);
  });
});
