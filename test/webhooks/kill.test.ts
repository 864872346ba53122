import { readFileSync, readdirSync } from "node:fs";
import { get } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Command, Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";
import { signaturesOf, WebhookReceiver } from "../support/webhook-receiver.ts";

/* A real process that is killed while a webhook's receiver fails, hangs, and comes back. */

const secret = "a secret that only the receiver knows";

let program: Program;
let site: ServedSite;
let receiver: WebhookReceiver;
let server: Command | null = null;
beforeAll(async () => {
  [program, site, receiver] = await Promise.all([
    Program.build(),
    ServedSite.openMirrored(),
    WebhookReceiver.open(),
  ]);
});
afterAll(async () => {
  server?.kill("SIGKILL");
  await server?.finished();
  await receiver.close();
  await program.remove();
  await site.close();
});

async function start(keepEvents: number): Promise<Command> {
  site.write("webhook.secret", `${secret}\n`);
  const webhook = { url: receiver.url, secretFile: "webhook.secret", events: ["script"] };
  const notify = { webhooks: [webhook], keepEvents };
  server = program.start([
    "serve",
    "--config",
    site.configuration(`notify: ${JSON.stringify(notify)}`),
  ]);
  await server.event("ready");
  return server;
}

const macOf = (n: number) =>
  `52:54:00:00:${(n >> 8).toString(16).padStart(2, "0")}:${(n & 255).toString(16).padStart(2, "0")}`;

/** As the machine with that number, which has an address of its own. */
async function fetchScript(running: Command, n: number): Promise<void> {
  const url = new URL(`/${macOf(n)}/boot.ipxe`, await urlOf(running, "http"));
  const localAddress = `127.0.${1 + (n >> 7)}.${1 + (n & 127)}`;
  await new Promise<void>((resolve, reject) => {
    const request = get(url, { localAddress, agent: false }, (reply) => {
      reply.resume().once("end", resolve).once("error", reject);
    });
    request.once("error", reject);
  });
}

/** The machines whose events are in the queue on disk. */
function queued(): string[] {
  const folder = `${site.folder}/data/webhooks`;
  const text = readdirSync(folder).map((name) => readFileSync(`${folder}/${name}`, "utf8"));
  return [...text.join("").matchAll(/"subject":"([^"]+)"/g)].map((match) => match[1] ?? "");
}

const taken = () => receiver.taken.map(({ subject }) => subject);

test("a receiver that answers 500, hangs and closes connections gets each event that was on disk when the process was killed, signed and in order", async () => {
  receiver.habit = 500;
  const first = await start(1000);
  const machines = Array.from({ length: 30 }, (_, n) => n);
  for (const n of machines.slice(0, 10)) await fetchScript(first, n);
  await first.event("webhook-failed");
  receiver.habit = "hang";
  for (const n of machines.slice(10, 20)) await fetchScript(first, n);
  const before = receiver.requests.length;
  await eventually(() => expect(receiver.requests.length).toBeGreaterThan(before));
  await eventually(() => expect(queued()).toEqual(machines.slice(0, 20).map(macOf)));
  first.kill("SIGKILL");
  await first.finished();

  receiver.habit = "close";
  const second = await start(1000);
  for (const n of machines.slice(20)) await fetchScript(second, n);
  await second.event("webhook-failed");
  await eventually(() => expect(queued()).toEqual(machines.map(macOf)));
  expect(receiver.taken).toEqual([]);
  receiver.habit = "take";
  await second.event("webhook-restored");
  await eventually(() => expect(taken()).toEqual(machines.map(macOf)));

  for (const request of receiver.requests) {
    expect(signaturesOf(request, secret)).toEqual(["webhook-signature", "x-hub-signature-256"]);
    expect(request.headers["content-type"]).toBe("application/cloudevents+json; charset=utf-8");
    expect(request.event).toMatchObject({ type: "eim-pxe.script", data: { event: "script" } });
  }
  second.kill("SIGTERM");
  const { code, out } = await second.finished();
  expect(code).toBe(0);
  expect(out).not.toContain("with-a-secret");
  expect(out).not.toContain(secret);
});

test("what waits for a receiver that is away is bounded, and boots go on meanwhile", async () => {
  receiver.habit = "hang";
  receiver.requests.length = 0;
  const running = await start(10);
  const machines = Array.from({ length: 60 }, (_, n) => 100 + n);
  for (const n of machines) await fetchScript(running, n);
  await running.event("webhook-dropped");
  const metrics = async () => (await fetch(`${await urlOf(running, "admin")}/metrics`)).text();
  expect(await metrics()).toMatch(/^eim_pxe_webhook_waiting_events\{webhook="[\d.:]+"\} 10$/m);
  expect(await metrics()).toMatch(/^eim_pxe_webhook_events_total\{.*outcome="dropped"\} 50$/m);
  await eventually(() => expect(queued().slice(-10)).toEqual(machines.slice(-10).map(macOf)));
  running.kill("SIGKILL");
  await running.finished();
  receiver.habit = "take";
  const next = await start(10);
  await eventually(() => expect(taken()).toEqual(machines.slice(-10).map(macOf)));
  next.kill("SIGTERM");
  expect((await next.finished()).code).toBe(0);
});
