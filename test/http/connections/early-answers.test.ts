import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootPort, orchestratorScript } from "../../support/boot-port.ts";
import { eventually } from "../../support/eventually.ts";
import { plain, RawHttp, usual } from "../../support/raw-http.ts";

const kernel = "/artifacts/vmlinuz-x86_64";
/** Bodies that look like requests. */
const script = plain("/boot.ipxe");
const artifact = plain(kernel);
const length = `Content-Length: ${script.length}`;
const artifactLength = `Content-Length: ${artifact.length}`;
const chunked = "Transfer-Encoding: chunked";
let port: BootPort;
let raw: RawHttp;

beforeEach(async () => {
  port = new BootPort();
  port.addGeneration("g1", { "boot.ipxe": orchestratorScript, "vmlinuz-x86_64": "kernel" });
  port.write("loaders/ipxe.efi", "MZ");
  await port.open();
  raw = await RawHttp.over(port.connect());
  // Scripts are quick from here on.
  await raw.ask(usual("/boot.ipxe"));
  port.events.length = 0;
});
afterEach(async () => {
  raw.socket.destroy();
  await port.close();
});

/** Sends it in a segment of its own, and gives the port time to take it for what it is not. */
async function alone(text: string): Promise<void> {
  raw.socket.write(text);
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
}

describe("the body of a request that was answered already", () => {
  test.each([
    ["of known length", "/nothing", 404, [length], "", script, ""],
    ["in chunks", "/loaders/ipxe.efi", 200, [chunked], "24\r\n", script, "\r\n0\r\n\r\n"],
    ["behind an artifact", kernel, 200, [length], "", script, ""],
    ["that asks for an artifact", "/nothing", 404, [artifactLength], "", artifact, ""],
    ["behind two Host lines", "/nothing", 400, ["Host: b", length], "", script, ""],
  ])("%s is not answered as a request", async (_, path, status, lines, before, body, after) => {
    // By now each of them is answered quickly.
    await eventually(async () => {
      expect((await raw.ask(body)).headers.has("keep-alive")).toBe(false);
    });
    port.events.length = 0;
    const answer = await raw.ask(plain(path, ...lines) + before);
    expect(answer.status).toContain(String(status));
    const heard = port.events.length;
    await alone(body);
    expect(port.events.slice(heard)).toEqual([]);
    raw.socket.write(after);
    const next = await raw.ask(plain("/boot.ipxe"));
    expect([next.status, next.body]).toEqual([
      "HTTP/1.1 200 OK",
      expect.stringContaining("#!ipxe"),
    ]);
    expect(port.named("script")).toHaveLength(1);
    expect((await raw.ask(script)).headers.has("keep-alive")).toBe(false);
  });

  test("is not answered when it comes in several segments", async () => {
    await raw.ask(plain("/nothing", `Content-Length: ${3 * script.length}`));
    for (let time = 0; time < 3; time += 1) await alone(script);
    expect(port.named("script")).toEqual([]);
    expect((await raw.ask(usual("/boot.ipxe"))).status).toContain("200");
    expect(port.named("script")).toHaveLength(1);
  });
});

test("what follows a line that began behind a body is no request of its own", async () => {
  const { status } = await raw.ask(
    `POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /nothing HTTP/1.1\r\n`,
  );
  expect(status).toContain("404");
  expect((await raw.ask(script)).status).toContain("400");
  expect(port.named("script")).toEqual([]);
});
