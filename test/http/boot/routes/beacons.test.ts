import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootPort } from "../../../support/boot-port.ts";

const mac = "52:54:00:12:34:56";
const uuid = "4c4c4544-0042-3510-8052-b4c04f4e3732";
const form = "application/x-www-form-urlencoded";
let port: BootPort;

beforeEach(() => {
  port = new BootPort();
});
afterEach(() => port.close());

function post(payload: string, contentType = form, query = "") {
  const headers = { "content-type": contentType };
  return port.app.inject({ method: "POST", url: `/events${query}`, headers, payload });
}

describe("a beacon", () => {
  test("micro-os is the last stage of the boot", async () => {
    const reply = await post(`mac=${mac}&stage=micro-os`);
    expect(reply.statusCode).toBe(204);
    // Or iPXE would wait for a body.
    expect(reply.headers.connection).toBe("close");
    expect(port.events).toEqual([
      { event: "micro-os", mac, address: "127.0.0.1", evidence: "beacon" },
    ]);
  });

  test.each([
    ["a form", `mac=52-54-00-12-34-56&stage=failed&message=try-1`, form, ""],
    ["JSON", JSON.stringify({ mac, stage: "failed", message: "try-1" }), "application/json", ""],
    ["text of any type", `mac=${mac}&stage=failed&message=try-1`, "text/plain", ""],
    ["the URL", "", form, `?mac=${mac}&stage=failed&message=try-1`],
  ])("may be %s", async (_name, payload, contentType, query) => {
    expect((await post(payload, contentType, query)).statusCode).toBe(204);
    const unsaid = {
      errno: null,
      version: null,
      platform: null,
      manufacturer: null,
      product: null,
    };
    expect(port.events).toEqual([
      { event: "beacon", mac, address: "127.0.0.1", stage: "failed", message: "try-1", ...unsaid },
    ]);
  });

  test.each([
    [
      "errno=0f0a6039&version=1.21.1%2B&platform=efi&manufacturer=Example%20Inc.&product=%20M%201%20",
      "0f0a6039",
      "Example Inc.",
    ],
    ["errno=0x0F0A6039&version=&manufacturer=a%0Ab", "0f0a6039", "a\\x0ab"],
    [`errno=nonsense&manufacturer=${"x".repeat(300)}`, null, null],
    ["errno=&manufacturer=%20", null, null],
    ["errno=&manufacturer=%20+", null, "+"],
  ])(
    "says iPXE's error and what the machine is, and nothing of that is an error: %s",
    async (query, errno, manufacturer) => {
      const reply = await post("", form, `?mac=${mac}&stage=failed&${query}`);
      expect(reply.statusCode).toBe(204);
      expect(port.events).toMatchObject([{ event: "beacon", errno, manufacturer }]);
    },
  );

  test("by GET, as iPXE without forms sends it, is answered with a length", async () => {
    const url = `/events?stage=failed&mac=52-54-00-12-34-56&uuid=${uuid}&serial=&message=try-1`;
    const reply = await port.app.inject({ method: "GET", url });
    expect(reply.statusCode).toBe(200);
    expect(reply.headers["content-length"]).toBe("3");
    expect(port.events).toMatchObject([{ event: "beacon", mac, stage: "failed" }]);
  });

  test("without a MAC is of the machine at that address", async () => {
    port.sessions.learnAddress(mac, "127.0.0.1");
    await post("stage=micro-os");
    expect(port.events).toMatchObject([{ event: "micro-os", mac }]);
  });

  test.each([
    ["that UUID", `uuid=${uuid}`, mac],
    ["that serial number", "serial=ABC+123", mac],
    ["no UUID that it gives", "uuid=00000000-0000-0000-0000-000000000000&serial=ABC+123", null],
  ])(
    "from another address and without a MAC is of the machine with %s",
    async (_, given, whose) => {
      const seen = { mac, address: "192.168.77.9", uuid, serial: "ABC 123" };
      port.sessions.record("script", seen, {}, port.moment);
      await post(`stage=micro-os&${given}`);
      expect(port.events).toMatchObject([{ mac: whose }]);
    },
  );

  test("is of no machine where several have that UUID, as boards of one make may", async () => {
    for (const one of [mac, mac, "52:54:00:00:00:02"]) {
      const seen = { mac: one, address: null, uuid, serial: "Default string" };
      port.sessions.record("discover", seen, {}, port.moment);
    }
    await post(`stage=micro-os&uuid=${uuid}`);
    await post("stage=micro-os&serial=Default+string");
    expect(port.events).toMatchObject([{ mac: null }, { mac: null }]);
  });

  test("reaches the log only escaped and cut", async () => {
    const payload = new URLSearchParams({ stage: "a\nb\u001b", message: "é".repeat(300) });
    await post(payload.toString());
    expect(port.events).toMatchObject([
      { stage: "a\\x0ab\\x1b", message: `${"\\xe9".repeat(128)}…` },
    ]);
  });

  test.each([
    ["has no stage", `mac=${mac}`, form, 400],
    ["has an empty stage", "stage=", form, 400],
    ["has a stage of a hundred letters", `stage=${"x".repeat(100)}`, form, 400],
    ["is broken JSON", "{", "application/json", 400],
    ["is JSON of another shape", "[1]", "application/json", 400],
    ["has a stage that is no text", '{"stage":{"a":1}}', "application/json", 400],
    ["wants to change prototypes", '{"__proto__":{"stage":"x"}}', "application/json", 400],
    ["is longer than 4 KiB", `stage=x&message=${"x".repeat(5000)}`, form, 413],
  ])("that %s is refused", async (_name, payload, contentType, status) => {
    const reply = await post(payload, contentType);
    expect(reply.statusCode).toBe(status);
    expect(reply.headers["content-type"]).toMatch(/^text\/plain/);
    expect(port.events).toMatchObject([{ event: "http-refused", path: "/events", status }]);
  });

  test("that comes too often is refused until some time has passed", async () => {
    const replies = [];
    for (let sent = 0; sent < 41; sent++) replies.push(await post("stage=x"));
    expect(replies.map(({ statusCode }) => statusCode)).toEqual([
      ...Array.from({ length: 40 }, () => 204),
      429,
    ]);
    expect(replies.at(-1)?.headers["retry-after"]).toBeUndefined();
    port.nowMs += 1_000;
    expect((await post("stage=x")).statusCode).toBe(204);
  });
});
