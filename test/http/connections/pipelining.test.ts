import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootPort } from "../../support/boot-port.ts";
import { received } from "../../support/connections.ts";
import { openFilesBelow } from "../../support/open-files.ts";
import { eventually } from "../../support/eventually.ts";

const name = "initramfs-x86_64";
const large = 16 * 1024 * 1024;
let port: BootPort;

beforeEach(async () => {
  port = new BootPort();
  port.addGeneration("g1", {
    "vmlinuz-x86_64": "kernel",
    "initramfs-x86_64": new Uint8Array(large),
    "signed_ipxe.efi": "MZ",
  });
  port.write("loaders/ipxe.efi", new Uint8Array(large));
  await port.open();
});
afterEach(() => port.close());

function pipelined(path: string, method = "GET", bytes = 64 * 1024): string {
  const request = `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
  return request.repeat(Math.floor(bytes / request.length));
}

/** As many connections, with nothing read, once the port has begun to answer on each. */
async function unread(count: number, text: string): Promise<Socket[]> {
  const before = port.events.length;
  const sockets = Array.from({ length: count }, () => port.connect().on("error", () => {}));
  for (const socket of sockets) socket.pause().write(text);
  await eventually(() => expect(port.events.length - before).toBeGreaterThanOrEqual(count));
  return sockets;
}

describe("field fault 40: pipelined requests", () => {
  test.each([
    ["an artifact", `/artifacts/${name}`, "initramfs-start"],
    ["a loader", "/loaders/ipxe.efi", "loader-start"],
    ["a machine's loader", "/52-54-00-12-34-56/ipxe.efi", "loader-start"],
  ] as const)("for %s are taken one at a time", async (_what, path, event) => {
    const sockets = await unread(10, pipelined(path));
    expect((await fetch(`${port.url}/artifacts/vmlinuz-x86_64`)).status).toBe(200);
    expect(port.named(event)).toHaveLength(10);
    expect(openFilesBelow(port.folder)).toBeLessThanOrEqual(10);
    for (const socket of sockets) socket.resetAndDestroy();
    await eventually(() => expect(port.named("download-aborted")).toHaveLength(10));
    await eventually(() => expect(openFilesBelow(port.folder)).toBe(0));
    // What waited behind the download that was broken off is never begun.
    expect(port.named(event)).toHaveLength(10);
  });

  test("leave nothing open when two hundred downloads are broken off in the middle", async () => {
    const sockets = await unread(200, `GET /artifacts/${name} HTTP/1.1\r\nHost: x\r\n\r\n`);
    for (const socket of sockets) socket.destroy();
    await eventually(() => expect(port.named("download-aborted")).toHaveLength(200));
    await eventually(() => expect(openFilesBelow(port.folder)).toBe(0));
  });

  test.each(["/boot.ipxe", "/nothing", "/events?stage=x", "/autoexec.ipxe"])(
    "for %s are all answered to a client that reads",
    async (path) => {
      const socket = port.connect();
      const text = pipelined(path, "GET", 4096);
      socket.end(text);
      const answers = await received(socket);
      expect(answers.match(/^HTTP\/1\.1 /gm)).toHaveLength(text.match(/^GET/gm)?.length ?? 0);
    },
  );

  const report = "stage=x&message=a\nb\n";
  const whole = `content-length: ${report.length}\r\n\r\n${report}`;
  const chunked = `transfer-encoding: chunked\r\n\r\n5\r\nstage\r\n2\r\n=x\r\n0\r\n\r\n`;

  test.each([
    ["a body of known length", whole, 1],
    ["a body of known length", whole, 7],
    ["a body of known length", whole, 9999],
    ["a body in chunks", chunked, 1],
    ["a body in chunks", chunked, 7],
    ["a body in chunks", chunked, 9999],
  ])("are answered in their order, the last one with %s", async (_what, body, pieceBytes) => {
    const text = [
      "GET /artifacts/vmlinuz-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n",
      "HEAD /artifacts/vmlinuz-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n",
      `GET /artifacts/${name} HTTP/1.1\r\nHost: x\r\nRange: bytes=5-9\r\n\r\n`,
      "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
      `POST /events HTTP/1.1\r\nHost: x\r\n${body}`,
    ].join("");
    // The answer to a report ends the connection, so what comes behind it comes with its last bytes.
    const unanswered = "GET /boot.ipxe HTTP/1.1\r\nHost: x\r\n\r\n";
    const socket = port.connect();
    const all = received(socket);
    for (let at = 0; at < text.length; at += pieceBytes) {
      const isLast = at + pieceBytes >= text.length;
      socket.write(text.slice(at, at + pieceBytes) + (isLast ? unanswered : ""));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const statuses = (await all).match(/HTTP\/1\.1 (\d+)/g);
    expect(statuses).toEqual([200, 200, 206, 404, 204].map((one) => `HTTP/1.1 ${one}`));
  });
});

describe("field fault 30: two Host lines", () => {
  const text = "GET /boot.ipxe HTTP/1.1\r\nHost: x\r\nhOST: x\r\nConnection: close\r\n\r\n";

  test("are answered with 400", async () => {
    const socket = port.connect();
    socket.write(text);
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 400 /);
    expect(port.named("http-refused")).toMatchObject([{ status: 400 }]);
    expect(port.named("script")).toEqual([]);
  });
});
