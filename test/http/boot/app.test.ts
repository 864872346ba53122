import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootPort } from "../../support/boot-port.ts";

let port: BootPort;

beforeEach(() => {
  port = new BootPort();
});
afterEach(() => port.close());

describe("the boot port", () => {
  test.each([
    ["GET", "/api/v1/boots"],
    ["GET", "/metrics"],
    ["POST", "/boot.ipxe"],
    ["PUT", "/artifacts/vmlinuz-x86_64"],
    ["DELETE", "/loaders/ipxe.efi"],
    ["HEAD", "/events"],
    ["OPTIONS", "/boot.ipxe"],
  ] as const)("has nothing at %s %s", async (method, url) => {
    const reply = await port.app.inject({ method, url });
    expect(reply.statusCode).toBe(404);
    expect(reply.headers["content-type"]).toMatch(/^text\/plain/);
    expect(port.events).toMatchObject([{ event: "http-refused", path: url, status: 404 }]);
  });

  test.each([
    ["/", "people ask the admin port"],
    ["/favicon.ico", "not found"],
  ])("field fault 69: a browser's look at %s is no warning", async (url, words) => {
    const reply = await port.app.inject({ method: "GET", url });
    expect(reply.statusCode).toBe(404);
    expect(port.events).toMatchObject([{ event: "optional-file", file: url }]);
    expect(reply.body).toContain(words);
  });

  test("reports a hostile path only escaped and cut", async () => {
    await port.app.inject({ method: "GET", url: `/%1b\\${"x".repeat(500)}` });
    const [event] = port.named("http-refused");
    const path = event !== undefined && "path" in event ? event.path : "";
    expect(path).toMatch(/^[ -~]{128}…$/);
  });

  test("answers a malformed URL with a short text", async () => {
    const reply = await port.app.inject({ method: "GET", url: "/artifacts/%zz" });
    expect(reply.statusCode).toBe(400);
    expect(reply.headers["content-type"]).toMatch(/^text\/plain/);
    expect(port.named("http-refused")).toMatchObject([{ status: 400 }]);
  });

  test("knows an IPv4 machine behind a dual-stack socket", async () => {
    await port.app.inject({ method: "GET", url: "/x", remoteAddress: "::ffff:192.168.77.5" });
    await port.app.inject({ method: "GET", url: "/x", remoteAddress: "fe80::1" });
    expect(port.events).toMatchObject([{ address: "192.168.77.5" }, { address: null }]);
  });

  test("hides the text of a fault of its own from the machine, not from the log", async () => {
    const broken = new BootPort({ loaders: { find: () => Promise.reject(new Error("EIO: x")) } });
    const reply = await broken.app.inject({ method: "GET", url: "/loaders/ipxe.efi" });
    await broken.close();
    expect(reply.statusCode).toBe(500);
    expect(reply.body).toBe("the server failed to answer\n");
    expect(broken.events).toMatchObject([{ event: "http-refused", status: 500, reason: "EIO: x" }]);
  });

  test("survives what is not HTTP", async () => {
    await port.open();
    const socket = port.connect();
    socket.end("\u0000\u0001 nonsense\r\n\r\n");
    socket.resume();
    await once(socket, "close");
    expect((await fetch(`${port.url}/`)).status).toBe(404);
  });

  test("closes with an idle connection open", async () => {
    await port.open();
    const socket = port.connect();
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    const ended = once(socket, "close");
    await port.app.close();
    await ended;
    await expect(fetch(`${port.url}/`)).rejects.toThrow("fetch failed");
  });
});
