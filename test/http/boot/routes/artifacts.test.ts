import { once } from "node:events";
import { rmSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256Of } from "../../../../src/lib/bytes.ts";
import { BootPort, sha256 } from "../../../support/boot-port.ts";

const mac = "52:54:00:12:34:56";
const kernel = "kernel of the first generation";
const initramfs = "0123456789".repeat(100);
const machine = { mac, address: "127.0.0.1" };
let port: BootPort;

beforeEach(async () => {
  port = new BootPort();
  port.sessions.learnAddress(mac, "127.0.0.1");
  port.addGeneration("g1", {
    "vmlinuz-x86_64": kernel,
    "initramfs-x86_64": initramfs,
    "signed_ipxe.efi": "MZ",
    "keys/db.der": "key",
  });
  await port.open();
});
afterEach(() => port.close());

async function get(
  name: string,
  headers: Record<string, string> = {},
  method = "GET",
): Promise<{ reply: Response; text: string }> {
  const reply = await fetch(`${port.url}/artifacts/${name}`, { method, headers });
  return { reply, text: await reply.text() };
}

describe("an artifact", () => {
  test("comes with length, type, strong entity tag and date", async () => {
    const { reply, text } = await get("initramfs-x86_64");
    expect(reply.status).toBe(200);
    expect(text).toBe(initramfs);
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "content-length": "1000",
      "content-type": "application/octet-stream",
      "accept-ranges": "bytes",
      etag: `"${sha256(initramfs)}"`,
      "last-modified": expect.stringMatching(/ GMT$/),
    });
  });

  test("in the keys folder is served too, and an EFI file has its own type", async () => {
    expect((await get("keys/db.der")).text).toBe("key");
    const { reply } = await get("signed_ipxe.efi");
    expect(reply.headers.get("content-type")).toBe("application/efi");
  });

  test("is found behind a doubled slash", async () => {
    expect((await get("/vmlinuz-x86_64")).text).toBe(kernel);
  });

  test("answers HEAD with the length and no body, and reports nothing", async () => {
    const { reply, text } = await get("initramfs-x86_64", {}, "HEAD");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-length")).toBe("1000");
    expect(text).toBe("");
    expect(port.events).toEqual([]);
  });

  test("is sent in part when a range asks for it", async () => {
    const { reply, text } = await get("initramfs-x86_64", { range: "bytes=995-" });
    expect(reply.status).toBe(206);
    expect(reply.headers.get("content-range")).toBe("bytes 995-999/1000");
    expect(reply.headers.get("content-length")).toBe("5");
    expect(text).toBe("56789");
  });

  test("is not sent when the range is outside or nothing changed", async () => {
    const outside = await get("initramfs-x86_64", { range: "bytes=1000-" });
    expect(outside.reply.status).toBe(416);
    expect(outside.reply.headers.get("content-range")).toBe("bytes */1000");
    const etag = `"${sha256(initramfs)}"`;
    const unchanged = await get("initramfs-x86_64", { "if-none-match": etag });
    expect(unchanged.reply.status).toBe(304);
    expect(unchanged.reply.headers.get("etag")).toBe(etag);
    const changed = await get("initramfs-x86_64", { "if-match": '"other"' });
    expect(changed.reply.status).toBe(412);
    expect(port.events).toEqual([]);
  });

  test("is sent whole when it changed since the part that the client has", async () => {
    const headers = { range: "bytes=995-", "if-range": '"the former one"' };
    const { reply, text } = await get("initramfs-x86_64", headers);
    expect(reply.status).toBe(200);
    expect(text).toBe(initramfs);
  });

  test.each([
    "nothing",
    "..%2fg1%2fvmlinuz-x86_64",
    "%2e%2e%2fsecret",
    "keys%2fdb.der",
    "keys",
    ".hidden",
    "vmlinuz-x86_64%00",
    "x".repeat(300),
  ])("of the name %s is not there", async (name) => {
    port.write("secret", "secret");
    const { reply, text } = await get(name);
    expect(reply.status).toBe(404);
    expect(reply.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(text).toBe("not found\n");
    expect(port.named("http-refused")).toHaveLength(1);
  });

  test("is refused when it is not what the manifest says any more", async () => {
    truncateSync(join(port.folder, "g1", "initramfs-x86_64"), 10);
    expect((await get("initramfs-x86_64")).reply.status).toBe(500);
    rmSync(join(port.folder, "g1", "vmlinuz-x86_64"));
    expect((await get("vmlinuz-x86_64")).reply.status).toBe(500);
    expect(port.named("http-refused")).toMatchObject([{ status: 500 }, { status: 500 }]);
  });
});

describe("the generation", () => {
  const second = "kernel of the second generation";

  test("is the one that the machine's boot began with, while it is kept", async () => {
    port.sessions.record("script", { ...machine, generation: "g1" }, {}, port.moment);
    port.addGeneration("g2", { "vmlinuz-x86_64": second });
    expect((await get("vmlinuz-x86_64")).text).toBe(kernel);
    expect(port.named("kernel")).toMatchObject([{ generation: "g1" }]);
    port.generations.delete("g1");
    expect((await get("vmlinuz-x86_64")).text).toBe(second);
  });

  test("is the current one for a machine that fetched no script here, and for files it lacks", async () => {
    port.addGeneration("g2", { "vmlinuz-x86_64": second, extra: "extra" });
    expect((await get("vmlinuz-x86_64")).text).toBe(second);
    port.sessions.record("script", { ...machine, generation: "g1" }, {}, port.moment);
    expect((await get("extra")).text).toBe("extra");
  });

  test("stays the same from the first file on where the script was another's", async () => {
    await get("vmlinuz-x86_64");
    port.addGeneration("g2", { "initramfs-x86_64": "of the second generation" });
    expect((await get("initramfs-x86_64")).text).toBe(initramfs);
  });

  test("is the current one after a pause that no boot makes", async () => {
    await get("vmlinuz-x86_64");
    port.addGeneration("g2", { "vmlinuz-x86_64": second });
    port.nowMs += 11 * 60_000;
    expect((await get("vmlinuz-x86_64")).text).toBe(second);
  });

  test("has the signature beside a file, where there is one, and nothing else beside it", async () => {
    port.addGeneration("g3", { "vmlinuz-x86_64": "of the third generation" });
    expect((await get("vmlinuz-x86_64.sig")).reply.status).toBe(404);
    port.write(join("g3", "vmlinuz-x86_64.sig"), "its signature");
    const { reply, text } = await get("vmlinuz-x86_64.sig");
    expect([reply.status, text]).toEqual([200, "its signature"]);
    expect(reply.headers.get("content-type")).toBe("application/pkcs7-signature");
    expect((await get("manifest.json.sig")).reply.status).toBe(404);
    expect((await get(".sig")).reply.status).toBe(404);
  });

  test("none at all is a 404", async () => {
    port.currentGeneration = null;
    expect((await get("vmlinuz-x86_64")).reply.status).toBe(404);
  });
});

describe("a download", () => {
  test("of the kernel is reported when it starts and when its last byte left", async () => {
    await get("vmlinuz-x86_64");
    await port.event("kernel-done");
    const file = "vmlinuz-x86_64";
    const bytes = kernel.length;
    expect(port.events).toEqual([
      { event: "kernel", ...machine, file, bytes, generation: "g1" },
      { event: "kernel-done", ...machine, file, bytes, durationMs: 0, sha256: sha256Of(kernel) },
    ]);
  });

  test("of the initramfs is reported when it starts and when its last byte left", async () => {
    await get("initramfs-x86_64");
    await port.event("initramfs-done");
    const file = "initramfs-x86_64";
    const how = { bytes: 1000, durationMs: 0, sha256: sha256Of(initramfs) };
    expect(port.events).toEqual([
      { event: "initramfs-start", ...machine, file, bytes: 1000, generation: "g1" },
      { event: "initramfs-done", ...machine, file, ...how },
    ]);
  });

  test("that goes on where it broke off is one download", async () => {
    await get("initramfs-x86_64", { range: "bytes=0-499" });
    await get("initramfs-x86_64", { range: "bytes=500-" });
    await port.event("initramfs-done");
    expect(port.events.map(({ event }) => event)).toEqual(["initramfs-start", "initramfs-done"]);
  });

  test("of any other file is no stage", async () => {
    await get("signed_ipxe.efi");
    expect(port.events).toEqual([]);
  });

  test("that the machine breaks off is reported with what was sent, and not as done", async () => {
    const bytes = 32 * 1024 * 1024;
    port.addGeneration("g2", { "initramfs-x86_64": new Uint8Array(bytes) });
    const socket = port.connect();
    socket.write("GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    socket.resetAndDestroy();
    const aborted = await port.event("download-aborted");
    expect(aborted).toMatchObject({ ...machine, file: "initramfs-x86_64", bytes });
    expect("bytesSent" in aborted && aborted.bytesSent).toBeLessThan(bytes);
    expect(port.named("initramfs-done")).toEqual([]);
  });

  test("that takes long is not taken for one that stands still", async () => {
    const bytes = 32 * 1024 * 1024;
    port.addGeneration("g2", { "initramfs-x86_64": new Uint8Array(bytes) });
    const socket = port.connect();
    socket.write("GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n");
    let received = 0;
    for await (const chunk of socket) {
      if (received === 0) port.nowMs += 5 * 60_000;
      received += Buffer.byteLength(chunk);
      if (received > bytes / 2) break;
    }
    expect(port.sessions.latest(machine)).toMatchObject({
      stage: "initramfs-start",
      updatedAtMs: port.nowMs,
    });
  });

  test("in two hundred connections at once is complete in every one", async () => {
    const content = new Uint8Array(300_000).map((_, index) => index % 251);
    port.addGeneration("g2", { "initramfs-x86_64": content });
    const sums = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const reply = await fetch(`${port.url}/artifacts/initramfs-x86_64`);
        return sha256(new Uint8Array(await reply.arrayBuffer()));
      }),
    );
    expect(new Set(sums)).toEqual(new Set([sha256(content)]));
    expect(port.named("initramfs-start")).toHaveLength(200);
  });
});
