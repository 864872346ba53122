import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { PxeEvent } from "../../../../src/events/types.ts";
import { BootPort, orchestratorScript } from "../../../support/boot-port.ts";
import { eventually } from "../../../support/eventually.ts";
import { nodeEntry } from "../../../support/node-entry.ts";
import { plain, RawHttp, usual } from "../../../support/raw-http.ts";

const mac = "52:54:00:12:34:56";
const kernel = "/artifacts/vmlinuz-x86_64";
const initramfs = "/artifacts/initramfs-x86_64";
const large = 24 * 1024 * 1024;
let port: BootPort;
const sockets: Socket[] = [];

beforeEach(() => opened(new BootPort()));
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await port.close();
});

/** The port with a generation whose files are in memory. */
async function opened(made: BootPort): Promise<void> {
  port = made;
  port.sessions.learnAddress(mac, "127.0.0.1");
  port.addGeneration("g1", {
    "boot.ipxe": orchestratorScript,
    "vmlinuz-x86_64": "0123456789".repeat(100),
    "signed_ipxe.efi": "MZ",
    "initramfs-x86_64": new Uint8Array(large).fill(65),
    empty: "",
  });
  await port.open();
  for (const name of ["vmlinuz-x86_64", "signed_ipxe.efi", "initramfs-x86_64"]) {
    const file = port.generations.get("g1")?.file(name);
    await eventually(async () => {
      const open = file == null ? null : await port.files.open(file);
      const held = open?.inMemory(0, 1) ?? null;
      open?.close();
      expect(held).not.toBeNull();
    });
  }
}

async function connected(): Promise<RawHttp> {
  const socket = port.connect();
  sockets.push(socket);
  return RawHttp.over(socket);
}

/** What is reported, with durations and dates as they are: the clock stands still. */
function reported(): PxeEvent[] {
  return port.events.splice(0);
}

describe("an artifact that is answered quickly", () => {
  test.each([
    [kernel, []],
    [kernel, ["User-Agent: iPXE/1.21.1", "Connection: keep-alive"]],
    [kernel, ["Range: bytes=0-0"]],
    [kernel, ["Range: bytes=10-19"]],
    [kernel, ["Range: bytes=990-"]],
    [kernel, ["range:bytes=-7"]],
    [kernel, ["Range: bytes=0-999999"]],
    [kernel, ["Range: bytes=1000-"]],
    [kernel, ["Range: bytes=5-2"]],
    [kernel, ["Range: lines=1-2"]],
    [kernel, ["User-Agent: eim-pxe"]],
    ["/artifacts/signed_ipxe.efi", []],
    ["/artifacts/empty", []],
    ["/artifacts/nothing", []],
    ["/artifacts/vmlinuz-x86_64?x", []],
  ])("is for %s with %j what the usual way answers, and reports the same", async (path, lines) => {
    const raw = await connected();
    const slow = await raw.ask(usual(path, ...lines));
    await eventually(() => expect(port.connections.admission.idle).toBe(1));
    const before = reported();
    const quick = await raw.ask(plain(path, ...lines));
    await eventually(() => expect(port.connections.admission.idle).toBe(1));
    expect(quick.status).toBe(slow.status);
    expect(quick.body).toBe(slow.body);
    expect(reported()).toEqual(before);
    const without = (names: readonly string[]) => (headers: ReadonlyMap<string, string>) =>
      Object.fromEntries([...headers].filter(([name]) => !names.includes(name)));
    // Node's own header has a time for the connection besides.
    const told = without(["date", "keep-alive"]);
    expect(told(quick.headers)).toEqual(told(slow.headers));
    expect(Date.parse(quick.headers.get("date") ?? "")).not.toBeNaN();
  });

  test("goes past the framework, with the length as GRUB reads it", async () => {
    const { socket } = await connected();
    socket.write(plain(kernel));
    const [chunk] = await once(socket, "data");
    expect(String(chunk)).toContain("\r\nContent-Length: 1000\r\n");
    expect(String(chunk)).not.toMatch(/keep-alive:/i);
  });

  test("is of the generation that the machine boots from", async () => {
    const sighting = { mac, address: "127.0.0.1", generation: "g1" };
    port.sessions.record("script", sighting, {}, port.moment);
    port.addGeneration("g2", { "vmlinuz-x86_64": "new" });
    const raw = await connected();
    expect((await raw.ask(plain(kernel))).body).toHaveLength(1000);
    expect(port.named("kernel")).toMatchObject([{ generation: "g1" }]);
  });

  test("is refused as usual where policy forbids it", async () => {
    port.nodes = () => nodeEntry({ netboot: "deny" });
    const raw = await connected();
    expect((await raw.ask(plain(kernel))).status).toContain("403");
    expect(port.named("http-refused")).toMatchObject([{ status: 403, mac }]);
  });

  test("is followed by what was asked for behind it, in order", async () => {
    const raw = await connected();
    const first = await raw.ask(plain(initramfs) + plain("/nothing") + plain(kernel));
    expect(first.body).toHaveLength(large);
    expect((await raw.ask("")).status).toContain("404");
    expect((await raw.ask("")).body).toHaveLength(1000);
    expect((await raw.ask(plain(kernel, "Range: bytes=1-2"))).body).toBe("12");
  });

  test("that is broken off says how much was sent, and is closed", async () => {
    const { socket } = await connected();
    socket.write(plain(initramfs));
    await once(socket, "data");
    expect(port.connections.admission.idle).toBe(0);
    socket.destroy();
    const aborted = await port.event("download-aborted");
    expect(aborted).toMatchObject({ mac, file: "initramfs-x86_64", bytes: large });
    expect("bytesSent" in aborted && aborted.bytesSent).toBeLessThan(large);
    await eventually(() => expect(port.connections.admission.open).toBe(0));
    expect(port.named("initramfs-done")).toEqual([]);
  });

  test("is sent to its end when the port closes meanwhile", async () => {
    const raw = await connected();
    const answer = raw.ask(plain(initramfs));
    await port.event("initramfs-start");
    const closed = port.app.close();
    expect((await answer).body).toHaveLength(large);
    await closed;
    expect(port.named("initramfs-done")).toHaveLength(1);
    expect(port.connections.admission.open).toBe(0);
  });
});

test("a machine that may have to wait for others goes the usual way", async () => {
  await port.close();
  await opened(new BootPort({}, undefined, 1));
  const raw = await connected();
  expect((await raw.ask(plain(initramfs))).headers.has("keep-alive")).toBe(true);
  expect((await raw.ask(plain(kernel))).headers.has("keep-alive")).toBe(false);
});

test.each([
  ["of a trusted proxy goes the usual way", "127.0.0.0", true],
  ["of a machine beside trusted proxies is quick", "10.0.0.0", false],
])("a request %s", async (_, network, isUsual) => {
  await port.close();
  await opened(new BootPort({ trustedProxies: [{ network, prefixLength: 8 }] }));
  const raw = await connected();
  expect((await raw.ask(plain(kernel))).headers.has("keep-alive")).toBe(isUsual);
});
