import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { memoryBlob } from "../../../../src/lib/blob.ts";
import { fromText } from "../../../../src/lib/bytes.ts";
import { BootPort } from "../../../support/boot-port.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "52:54:00:12:34:56";
let port: BootPort;

beforeEach(async () => {
  port = new BootPort();
  port.write("loaders/ipxe.efi", "MZ loader");
  port.write("loaders/undionly.kpxe", "bios loader");
  port.write("secret", "secret");
  await port.open();
});
afterEach(() => port.close());

describe("a loader", () => {
  test("is served to the machine that its URL names, with the type that UEFI wants", async () => {
    const reply = await fetch(`${port.url}/${mac}/ipxe.efi`);
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toBe("application/efi");
    expect(reply.headers.get("content-length")).toBe("9");
    expect(await reply.text()).toBe("MZ loader");
    await port.event("loader-done");
    const loader = { mac, address: "127.0.0.1", file: "ipxe.efi", protocol: "http", bytes: 9 };
    expect(port.events).toEqual([
      { event: "loader-start", ...loader },
      { event: "loader-done", ...loader, durationMs: 0, retransmissions: 0, sha256: null },
    ]);
  });

  test("is served by its bare name too", async () => {
    const reply = await fetch(`${port.url}/loaders/undionly.kpxe`);
    expect(reply.headers.get("content-type")).toBe("application/octet-stream");
    expect(await reply.text()).toBe("bios loader");
    expect(port.named("loader-start")).toMatchObject([{ mac: null, file: "undionly.kpxe" }]);
  });

  test.each([`/${mac}/grubx64.efi`, `/${mac}//grubx64.efi`, "//loaders/grubx64.efi"])(
    "field fault 10: is the second stage of a shim that came by HTTP boot: %s",
    async (path) => {
      const reply = await port.app.inject({ method: "GET", url: path });
      expect([reply.statusCode, reply.body]).toEqual([200, "MZ loader"]);
      expect(port.named("loader-start")).toMatchObject([{ file: "ipxe.efi", protocol: "http" }]);
    },
  );

  test("field fault 10: a second stage of its own goes before the loader in its place", async () => {
    port.write("loaders/grubx64.efi", "MZ grub");
    const reply = await fetch(`${port.url}/${mac}/grubx64.efi`);
    expect(await reply.text()).toBe("MZ grub");
  });

  test("answers HEAD, as firmware asks for the size first, and reports nothing", async () => {
    const reply = await fetch(`${port.url}/${mac}/ipxe.efi`, { method: "HEAD" });
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-length")).toBe("9");
    expect(reply.headers.get("content-type")).toBe("application/efi");
    expect(port.events).toEqual([]);
  });

  test("is served from memory where it is nowhere on disk, in parts too", async () => {
    await port.close();
    const blob = memoryBlob(fromText("MZ patched"));
    const loader = { name: "ipxe.efi", blob, path: null, modifiedMs: 1000 };
    port = new BootPort({ loaders: { find: () => Promise.resolve(loader) } });
    await port.open();
    const whole = await fetch(`${port.url}/loaders/ipxe.efi`);
    expect(await whole.text()).toBe("MZ patched");
    const headers = { range: "bytes=3-5", "if-range": whole.headers.get("etag") ?? "" };
    const part = await fetch(`${port.url}/loaders/ipxe.efi`, { headers });
    expect([part.status, await part.text()]).toEqual([206, "pat"]);
  });

  test("has ranges and a strong entity tag that lets a download go on", async () => {
    const first = await fetch(`${port.url}/loaders/ipxe.efi`, { headers: { range: "bytes=0-1" } });
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[0-9a-f]+-9"$/);
    expect(await first.text()).toBe("MZ");
    const headers = { range: "bytes=2-", "if-range": etag };
    const rest = await fetch(`${port.url}/loaders/ipxe.efi`, { headers });
    expect(rest.status).toBe(206);
    expect(await rest.text()).toBe(" loader");
    await port.event("loader-done");
    expect(port.events.map(({ event }) => event)).toEqual(["loader-start", "loader-done"]);
  });

  test.each([
    `/${mac}/nothing.efi`,
    "/loaders/nothing.efi",
    "/loaders/..%2fsecret",
    // A client of HTTP resolves a bare `..` itself.
    "/loaders/%2e%2e%2f",
    `/${mac}/..%2fsecret`,
    "/not-a-mac/ipxe.efi",
  ])("is not there at %s", async (path) => {
    const reply = await fetch(port.url + path);
    expect(reply.status).toBe(404);
    expect(await reply.text()).toBe("not found\n");
    expect(port.events).toMatchObject([{ event: "http-refused", status: 404 }]);
  });

  test.each([`/${mac}/revocations.efi`, `/${mac}/mmx64.efi`, "/grub.cfg-01-52-54-00-00-00-01"])(
    "field fault 16: is no trouble where it need not be there: %s",
    async (path) => {
      expect((await fetch(port.url + path)).status).toBe(404);
      expect(port.events).toMatchObject([{ event: "optional-file", file: path, protocol: "http" }]);
    },
  );

  test("is refused to a machine that may not boot, by MAC or by known address", async () => {
    port.nodes = (machine) => (machine.mac === mac ? nodeEntry({ netboot: "deny" }) : null);
    expect((await fetch(`${port.url}/${mac}/ipxe.efi`)).status).toBe(403);
    expect((await fetch(`${port.url}/loaders/ipxe.efi`)).status).toBe(200);
    port.sessions.learnAddress(mac, "127.0.0.1");
    expect((await fetch(`${port.url}/loaders/ipxe.efi`)).status).toBe(403);
  });
});
