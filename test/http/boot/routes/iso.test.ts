import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { noProxies } from "../../../../src/artifacts/origin/proxy.ts";
import { configSchema } from "../../../../src/config/schema.ts";
import { RemoteImageFiles } from "../../../../src/daemon/content/remote-images.ts";
import { hookOf } from "../../../../src/daemon/settings/boot-settings.ts";
import type { ServedIso } from "../../../../src/http/boot/content.ts";
import { BootPort } from "../../../support/boot-port.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "08:00:27:29:4e:67";
const placeholder = "0123456789-PLACE-FOR-KERNEL-ARGUMENTS-".padEnd(400, "x");
/** Three placeholders, one of them at the end. */
const image = Buffer.from(
  `head ${placeholder} mid ${placeholder}${"y".repeat(300_000)}${placeholder}`,
);

let port: BootPort;
let origin: Server | null = null;
afterEach(async () => {
  await port.close();
  await new Promise((resolve) => (origin === null ? resolve(null) : origin.close(resolve)));
  origin = null;
});

async function open(given: Partial<ServedIso> = {}): Promise<void> {
  const clock = { now: () => port.nowMs };
  const remote = new RemoteImageFiles({
    proxy: null,
    environment: noProxies,
    ca: null,
    clock,
    timeoutMs: 20_000,
  });
  const hook = hookOf(configSchema.parse({}));
  port = new BootPort({
    iso: { source: null, placeholder, staticAddresses: false, hook, remote, ...given },
    kernelArgs: ["site=1"],
  });
  await port.open();
}

function text(of: string): string {
  const consoles = "console=ttyAMA0 console=ttyS0 console=tty0 console=tty1 console=ttyS1";
  return `${consoles} hw_addr=${of} syslog_host=127.0.0.1 grpc_authority=127.0.0.1:42113 tinkerbell_tls=false worker_id=${of} site=1`;
}

function expected(of = mac, more = ""): string {
  return image.toString().replaceAll(placeholder, `${text(of)}${more}`.padEnd(placeholder.length));
}

async function get(path: string, headers: Record<string, string> = {}, method = "GET") {
  const reply = await fetch(port.url + path, { headers, method });
  return { status: reply.status, headers: reply.headers, text: await reply.text() };
}

describe("an image of this host", () => {
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-iso-"));
  beforeEach(async () => {
    const source = join(folder, "hook.iso");
    writeFileSync(source, image);
    await open({ source });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("has the machine's kernel arguments in each placeholder, and the length that it had", async () => {
    for (const form of [mac, mac.replaceAll(":", "-"), "0800.2729.4e67", `any/${mac}`]) {
      const reply = await get(`/iso/${form}/hook.iso`);
      expect([reply.status, reply.text === expected()]).toEqual([200, true]);
      expect(reply.headers.get("content-length")).toBe(String(image.length));
    }
    const other = await get("/iso/08:00:27:29:4e:68/x.ISO");
    expect(other.text === expected("08:00:27:29:4e:68")).toBe(true);
    expect(port.named("iso-start")).toMatchObject([
      { mac, address: null, file: "hook.iso", bytes: image.length },
      {},
      {},
      {},
      { mac: "08:00:27:29:4e:68" },
    ]);
  });

  test("is right to the byte in ranges that cut a placeholder", async () => {
    const whole = expected();
    const edges = [0, 4, 5, 300, 405, 410, 809, image.length - 400, image.length - 1];
    for (const first of edges) {
      for (const last of edges.filter((one) => one >= first)) {
        const reply = await get(`/iso/${mac}/a.iso`, { range: `bytes=${first}-${last}` });
        const part = whole.slice(first, last + 1);
        expect([first, last, reply.status, reply.text === part]).toEqual([first, last, 206, true]);
      }
    }
    const end = await get(`/iso/${mac}/a.iso`, { range: "bytes=-10" });
    expect(end.text).toBe(whole.slice(-10));
    const none = await get(`/iso/${mac}/a.iso`, { range: `bytes=${image.length}-` });
    expect(none.status).toBe(416);
  });

  test("is asked for by HEAD, and its tag changes with what it is told", async () => {
    const head = await get(`/iso/${mac}/a.iso`, {}, "HEAD");
    expect([head.status, head.headers.get("accept-ranges"), head.text]).toEqual([200, "bytes", ""]);
    const etag = head.headers.get("etag") ?? "";
    const same = await get(`/iso/${mac}/a.iso`, { "if-none-match": etag });
    expect(same.status).toBe(304);
    port.nodes = () => nodeEntry({ mac, kernelArgs: ["own=2"] });
    const changed = await get(`/iso/${mac}/a.iso`, { "if-none-match": etag });
    expect([changed.status, changed.text === expected(mac, " own=2")]).toEqual([200, true]);
  });

  test("is refused where there is nothing to give, each with its reason", async () => {
    port.nodes = ({ mac: asked }) => {
      if (asked === mac) return nodeEntry({ mac, netboot: "deny" });
      return asked === "08:00:27:29:4e:68"
        ? nodeEntry({ mac: asked, kernelArgs: ["x".repeat(400)] })
        : null;
    };
    expect(await get(`/iso/${mac}/a.img`)).toMatchObject({ status: 404 });
    expect(await get("/iso/nomac/a.iso")).toMatchObject({
      status: 400,
      text: expect.stringContaining("must be the machine's MAC address"),
    });
    expect(await get(`/iso/${mac}/a.iso`)).toMatchObject({
      status: 403,
      text: expect.stringContaining("netboot: deny"),
    });
    expect(await get("/iso/08:00:27:29:4e:68/a.iso")).toMatchObject({
      status: 500,
      text: expect.stringContaining("has room for 400"),
    });
    const posted = await fetch(`${port.url}/iso/${mac}/a.iso`, { method: "POST", body: "" });
    expect(posted.status).toBe(404);
    // The BMC's address is nobody's.
    for (const event of port.named("http-refused").slice(1, 4)) {
      expect(event).toMatchObject({ address: null });
    }
  });
});

describe("where no image is there", () => {
  test.each([
    [null, 400, "no image is named for this machine"],
    ["/nowhere/hook.iso", 502, "there is no image at /nowhere/hook.iso"],
    ["http://127.0.0.1:9/hook.iso", 502, "the image cannot be read"],
  ])("it is said: %s", async (source, status, reason) => {
    await open({ source });
    expect(await get(`/iso/${mac}/a.iso`)).toMatchObject({
      status,
      text: expect.stringContaining(reason),
    });
  });
});

describe("an image of another server", () => {
  const asked: string[] = [];
  let version = 1;
  let knowsRanges = true;

  /** `/moved` leads to the image, `/loop` to itself, the query counts. */
  async function serve(): Promise<string> {
    origin = createServer((request, response) => {
      const { url = "", headers } = request;
      asked.push(`${url} ${headers.range ?? ""}`);
      if (url.startsWith("/moved"))
        return response.writeHead(302, { location: "/i.iso?k=1" }).end();
      if (url.startsWith("/loop")) return response.writeHead(301, { location: url }).end();
      if (url !== "/i.iso?k=1") return response.writeHead(404).end();
      const [, first = "", last = ""] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
      if (!knowsRanges || first === "") return response.writeHead(200).end(image);
      const part = image.subarray(Number(first), Number(last) + 1);
      const contentRange = `bytes ${first}-${Number(first) + part.length - 1}/${image.length}`;
      const head = { "content-range": contentRange, etag: `"v${version}"` };
      return response.writeHead(206, head).end(part);
    });
    await new Promise<void>((resolve) => origin?.listen(0, "127.0.0.1", resolve));
    const at = origin.address();
    if (at === null || typeof at === "string") throw new Error("it listens nowhere");
    return `http://127.0.0.1:${at.port}`;
  }

  beforeEach(() => {
    asked.length = 0;
    version = 1;
    knowsRanges = true;
  });

  test("is patched as one of this host, and only what is asked for is fetched", async () => {
    await open({ source: `${await serve()}/moved.iso` });
    const whole = await get(`/iso/${mac}/a.iso`);
    expect([whole.status, whole.text === expected()]).toEqual([200, true]);
    asked.length = 0;
    const part = await get(`/iso/${mac}/a.iso`, { range: "bytes=2000-2999" });
    expect(part.text).toBe(expected().slice(2000, 3000));
    expect(asked).toEqual(["/moved.iso bytes=1601-3398", "/i.iso?k=1 bytes=1601-3398"]);
  });

  test("may be the machine's own", async () => {
    const base = await serve();
    await open({ source: "/nowhere/hook.iso" });
    port.nodes = () => nodeEntry({ mac, isoUrl: `${base}/i.iso?k=1` });
    expect((await get(`/iso/${mac}/a.iso`)).text === expected()).toBe(true);
  });

  test.each([
    ["/gone.iso", "it is not there"],
    ["/loop.iso", "sends us on more than 10 times"],
  ])("is refused where it cannot be had: %s", async (path, reason) => {
    await open({ source: `${await serve()}${path}` });
    const reply = await get(`/iso/${mac}/a.iso`);
    expect(reply).toMatchObject({ status: 502, text: expect.stringContaining(reason) });
  });

  test.each([
    ["nobody is there", "http://user:opensesame@127.0.0.1:9"],
    ["the connection breaks", ""],
  ])("is told without user and password to whoever asks, where %s", async (_, given) => {
    const base = await serve();
    origin?.prependListener("request", (request) => request.socket.destroy());
    const named = given === "" ? base.replace("//", "//user:opensesame@") : given;
    await open();
    port.nodes = () => nodeEntry({ mac, isoUrl: `${named}/i.iso?k=opensesame` });
    const reply = await get(`/iso/${mac}/a.iso`);
    expect(reply).toMatchObject({ status: 502, text: expect.stringContaining("/i.iso could not") });
    expect(reply.text + JSON.stringify(port.events)).not.toMatch(/opensesame/);
  });

  test("is refused where its server knows no ranges", async () => {
    knowsRanges = false;
    await open({ source: `${await serve()}/i.iso?k=1` });
    const reply = await get(`/iso/${mac}/a.iso`);
    expect(reply).toMatchObject({
      status: 502,
      text: expect.stringContaining("is answered without ranges"),
    });
    // The query may have a key in it.
    expect(reply.text).not.toContain("k=1");
  });

  test("breaks off where it changes while it is read", async () => {
    await open({ source: `${await serve()}/i.iso?k=1` });
    await get(`/iso/${mac}/a.iso`, { range: "bytes=0-9" });
    version = 2;
    await expect(get(`/iso/${mac}/a.iso`, { range: "bytes=0-9" })).rejects.toThrow(
      /^(fetch failed|terminated)$/,
    );
    const again = await get(`/iso/${mac}/a.iso`, { range: "bytes=0-9" });
    expect(again.text).toBe(expected().slice(0, 10));
  });
});
