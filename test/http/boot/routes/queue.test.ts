import { afterEach, beforeEach, expect, test } from "vitest";
import { request } from "node:http";
import { BootPort, orchestratorScript } from "../../../support/boot-port.ts";
import { eventually } from "../../../support/eventually.ts";

const mebibyte = 1024 * 1024;
let port: BootPort;

beforeEach(async () => {
  port = new BootPort({}, undefined, 1);
  port.sessions.learnAddress("52:54:00:00:00:01", "127.0.0.1");
  port.sessions.learnAddress("52:54:00:00:00:02", "127.0.0.2");
  port.addGeneration("g1", {
    "boot.ipxe": orchestratorScript,
    "vmlinuz-x86_64": new Uint8Array(mebibyte).fill(1),
    "initramfs-x86_64": new Uint8Array(24 * mebibyte).fill(2),
    "keys/db.der": "key",
  });
  await port.open();
});
afterEach(() => port.close());

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  /** Takes the body to its end; its length. */
  readonly take: () => Promise<number>;
}

/** Asks from an address of its own; the body is left on the way until it is taken. */
function ask(path: string, from: string, method = "GET") {
  const sent = request(`${port.url}${path}`, { localAddress: from, method });
  const answer = new Promise<Answer>((resolve, reject) => {
    sent.once("error", reject);
    sent.once("response", (response) => {
      const take = async (): Promise<number> => {
        let bytes = 0;
        for await (const chunk of response) bytes += Buffer.byteLength(chunk);
        return bytes;
      };
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, take });
    });
  });
  answer.catch(() => {});
  sent.end();
  return { answer, giveUp: () => sent.destroy() };
}

/** The first machine has its place, and leaves its download on the way. */
async function occupied(): Promise<Answer> {
  return ask("/artifacts/initramfs-x86_64", "127.0.0.1").answer;
}

test("http.queue: a machine waits until the one before it has all that it needs", async () => {
  const first = await occupied();
  const second = ask("/artifacts/vmlinuz-x86_64", "127.0.0.2");
  const waiting = { mac: "52:54:00:00:00:02", address: "127.0.0.2", file: "vmlinuz-x86_64" };
  expect(await port.event("download-waiting")).toMatchObject({ ...waiting, ahead: 0 });
  expect(port.named("kernel")).toEqual([]);
  port.nowMs += 3000;
  expect(await first.take()).toBe(24 * mebibyte);
  const { status, take } = await second.answer;
  expect([status, await take()]).toEqual([200, mebibyte]);
  expect(port.named("download-admitted")).toMatchObject([{ ...waiting, waitedMs: 3000 }]);
  expect((await port.event("kernel-done")) as object).toMatchObject({ durationMs: 0 });
  const { status: next, take: taken } = await ask("/artifacts/initramfs-x86_64", "127.0.0.2")
    .answer;
  expect([next, await taken()]).toEqual([200, 24 * mebibyte]);
  expect(port.named("download-waiting")).toHaveLength(1);
});

test("http.queue: what is small or asks for no bytes does not wait, nor a second range of who downloads", async () => {
  await occupied();
  for (const path of ["/boot.ipxe", "/artifacts/keys/db.der"]) {
    expect((await ask(path, "127.0.0.2").answer).status).toBe(200);
  }
  expect((await ask("/artifacts/initramfs-x86_64", "127.0.0.2", "HEAD").answer).status).toBe(200);
  expect((await ask("/artifacts/vmlinuz-x86_64", "127.0.0.1").answer).status).toBe(200);
  expect(port.named("download-waiting")).toEqual([]);
});

test("http.queue: a machine that gives up leaves the line, and its timeline says so", async () => {
  const first = await occupied();
  const second = ask("/artifacts/vmlinuz-x86_64", "127.0.0.2");
  await port.event("download-waiting");
  const third = ask("/artifacts/vmlinuz-x86_64", "127.0.0.3");
  await eventually(() => expect(port.named("download-waiting")).toHaveLength(2));
  second.giveUp();
  expect(await port.event("download-aborted")).toMatchObject({
    address: "127.0.0.2",
    bytesSent: 0,
  });
  await first.take();
  expect((await third.answer).status).toBe(200);
  expect(port.named("kernel")).toMatchObject([{ address: "127.0.0.3" }]);
});

test("http.queue: after a while the machine is asked to come again, and keeps its place", async () => {
  const first = await occupied();
  const second = ask("/artifacts/vmlinuz-x86_64", "127.0.0.2");
  await port.event("download-waiting");
  port.nowMs += 20_000;
  const { status, headers, take } = await second.answer;
  expect([status, headers["retry-after"], await take()]).toEqual([503, "3", 0]);
  const third = ask("/artifacts/vmlinuz-x86_64", "127.0.0.3");
  await eventually(() => expect(port.named("download-waiting").at(-1)).toMatchObject({ ahead: 1 }));
  const again = ask("/artifacts/vmlinuz-x86_64", "127.0.0.2");
  await eventually(() => expect(port.named("download-waiting").at(-1)).toMatchObject({ ahead: 0 }));
  await first.take();
  expect((await again.answer).status).toBe(200);
  third.giveUp();
});
