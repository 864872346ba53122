import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SiteAssets } from "../../../../src/daemon/content/site-assets.ts";
import { BootPort } from "../../../support/boot-port.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "08:00:27:29:4e:67";

let directory: string;
let port: BootPort;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "eim-pxe-http-assets-"));
  port = new BootPort({
    assets: {
      find: (name, machine) =>
        new SiteAssets({
          directory,
          sessions: port.sessions,
          nodes: { find: () => null },
          isHandedOut: (loader) => loader === "grub/core.efi",
        }).find(name, machine),
    },
  });
  await port.open();
});

afterEach(async () => {
  await port.close();
  rmSync(directory, { recursive: true });
});

function put(name: string, text: string): void {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), text);
}

function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${port.url}${path}`, { headers });
}

/** Without what `fetch` makes of a path. */
function status(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port: at } = new URL(port.url);
    const asked = request({ hostname, port: at, path }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    asked.on("error", reject).end();
  });
}

describe("the asset folder, by HTTP", () => {
  it("has the script that iPXE looks for beside a loader in any folder, unless it has one of the site's own", async () => {
    const name = `/assets/${mac}/ipxe/autoexec.ipxe`;
    expect(await (await get(name)).text()).toContain(`${port.url}/boot.ipxe`);
    expect(port.events).toMatchObject([{ event: "autoexec", mac }]);
    put("ipxe/autoexec.ipxe", "#!ipxe\nshell\n");
    expect(await (await get(name)).text()).toBe("#!ipxe\nshell\n");
  });

  it("is any file at /assets/, with length, tag and ranges", async () => {
    put("sub/file with blank.dtb", "0123456789");
    const whole = await get("/assets/sub/file%20with%20blank.dtb");
    expect(whole.status).toBe(200);
    expect(whole.headers.get("content-length")).toBe("10");
    expect(whole.headers.get("accept-ranges")).toBe("bytes");
    expect(await whole.text()).toBe("0123456789");
    const etag = whole.headers.get("etag") ?? "";
    expect(etag).toMatch(/^".+"$/);
    const path = "/assets/sub/file%20with%20blank.dtb";
    const part = await get(path, { range: "bytes=2-4", "if-range": etag });
    expect([part.status, await part.text()]).toEqual([206, "234"]);
    expect(part.headers.get("content-range")).toBe("bytes 2-4/10");
    expect((await get(path, { "if-none-match": etag })).status).toBe(304);
    expect((await get(path, { range: "bytes=10-" })).status).toBe(416);
    const head = await fetch(`${port.url}${path}`, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
    put("sub/file with blank.dtb", "abcdefghij");
    utimesSync(join(directory, "sub/file with blank.dtb"), 1, 1);
    const changed = await get(path, { range: "bytes=2-4", "if-range": etag });
    expect([changed.status, await changed.text()]).toEqual([200, "abcdefghij"]);
  });

  it("has names of any length and script that a folder can have", async () => {
    const deep = Array.from({ length: 4 }, (_, at) => `${at}`.repeat(200)).join("/");
    for (const name of [`${deep}/file`, "ä ü/漢+%.img", "a?b#c", ".hidden"]) {
      put(name, name);
      const path = name.split("/").map(encodeURIComponent).join("/");
      expect(await (await get(`/assets/${path}`)).text()).toBe(name);
    }
  });

  it("tells the length in the spelling that GRUB before 2.12 reads", async () => {
    put("vmlinuz", "kernel");
    const { hostname, port: at } = new URL(port.url);
    const names = await new Promise<readonly string[]>((resolve, reject) => {
      const asked = request({ hostname, port: at, path: "/assets/vmlinuz" }, (reply) => {
        reply.resume();
        resolve(reply.rawHeaders);
      });
      asked.on("error", reject).end();
    });
    expect(names).toContain("Content-Length");
  });

  it("has a type for UEFI, and answers an empty file", async () => {
    put("grub/core.efi", "MZ");
    put("empty", "");
    expect((await get("/assets/grub/core.efi")).headers.get("content-type")).toBe(
      "application/efi",
    );
    const empty = await get("/assets/empty");
    expect([empty.status, await empty.text()]).toEqual([200, ""]);
  });

  it.each([
    "/assets/",
    "/assets/absent",
    "/assets/sub",
    "/assets/sub/",
    "/assets/../secret",
    "/assets/%2e%2e/secret",
    "/assets/sub/..%2f..%2fsecret",
    "/assets/..%5csecret",
    "/assets//etc/passwd",
    "/assets/%2fetc%2fpasswd",
    "/assets/file%00",
    `/assets/${"a/".repeat(2000)}`,
    "/assets/out",
    "/assets/fifo",
  ])("has nothing at %s", async (path) => {
    put("sub/file", "x");
    symlinkSync("/etc/passwd", join(directory, "out"));
    execFileSync("mkfifo", [join(directory, "fifo")]);
    expect(await status(path)).toBe(404);
  });

  it("says in the log why something that is there is not served", async () => {
    symlinkSync("/etc/passwd", join(directory, "out"));
    expect((await get("/assets/out")).status).toBe(404);
    expect(await port.event("http-refused")).toMatchObject({
      status: 404,
      reason: "out is there and is not served: it is a symbolic link out of assets.directory",
    });
  });

  it("has a machine's own folder, named in any form, or known by its address", async () => {
    put("08-00-27-29-4e-67/own.cfg", "own");
    put("own.cfg", "all");
    expect(await (await get("/assets/own.cfg")).text()).toBe("all");
    expect(await (await get("/assets/080027294e67/own.cfg")).text()).toBe("own");
    port.sessions.learnAddress(mac, "127.0.0.1");
    expect(await (await get("/assets/own.cfg")).text()).toBe("own");
  });

  it("is refused to a machine that may not boot", async () => {
    put("vmlinuz", "kernel");
    port.nodes = () => nodeEntry({ mac, netboot: "deny", localBoot: "exit" });
    port.sessions.learnAddress(mac, "127.0.0.1");
    const reply = await get("/assets/vmlinuz");
    expect(reply.status).toBe(403);
    expect(await reply.text()).toContain("netboot: deny");
  });

  it("reports what was fetched as stages of the boot, or as assets", async () => {
    put("vmlinuz", "kernel");
    put("initrd.gz", "initramfs");
    put("board.dtb", "tree");
    put("grub/core.efi", "MZ");
    for (const name of ["grub/core.efi", "vmlinuz", "initrd.gz", "board.dtb"]) {
      await (await get(`/assets/${name}`)).text();
    }
    expect(await port.event("asset-sent")).toMatchObject({
      file: "board.dtb",
      protocol: "http",
      bytes: 4,
    });
    expect(port.events.map(({ event }) => event)).toEqual([
      "loader-start",
      "loader-done",
      "kernel",
      "kernel-done",
      "initramfs-start",
      "initramfs-done",
      "asset-sent",
    ]);
    expect(port.events[2]).toMatchObject({ file: "vmlinuz", bytes: 6, generation: null });
  });
});

it("without an asset folder there is nothing at /assets/", async () => {
  const bare = new BootPort();
  await bare.open();
  expect((await fetch(`${bare.url}/assets/a`)).status).toBe(404);
  await bare.close();
});
