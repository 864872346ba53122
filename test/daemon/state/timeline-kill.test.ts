import { get } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootsReply } from "../../../src/api/boots.ts";
import { type Command, Program } from "../../support/command.ts";
import { ServedSite, urlOf } from "../../support/served-site.ts";

/* A real process that is killed, or stopped, in the middle of boots. */

const macOf = (n: number) => `52:54:00:00:00:${n.toString(16).padStart(2, "0")}`;

let program: Program;
let site: ServedSite;
let server: Command | null = null;
beforeAll(async () => {
  [program, site] = await Promise.all([Program.build(), ServedSite.openMirrored()]);
}, 60_000);
afterAll(async () => {
  server?.kill("SIGKILL");
  await server?.finished();
  await program.remove();
  await site.close();
});

async function start(): Promise<Command> {
  server = program.start(["serve", "--config", site.configuration()]);
  await server.event("ready");
  return server;
}

/** As the machine with that number, which has an address of its own. */
async function fetchAs(running: Command, n: number, path: string): Promise<void> {
  const url = new URL(path, await urlOf(running, "http"));
  await new Promise<void>((resolve, reject) => {
    const request = get(url, { localAddress: `127.0.1.${n}`, agent: false }, (reply) => {
      reply.resume().once("end", resolve).once("error", reject);
    });
    request.once("error", reject);
  });
}

async function boots(running: Command) {
  const reply = await fetch(`${await urlOf(running, "admin")}/api/v1/boots?limit=500`);
  return new Map(bootsReply.parse(await reply.json()).boots.map((boot) => [boot.mac, boot]));
}

const numbers = Array.from({ length: 50 }, (_, index) => index + 1);
const most = numbers.slice(0, 40);

test.each(["SIGKILL", "SIGTERM"] as const)(
  "after %s in the middle of 50 boots every timeline that began more than 2 s before is there and goes on",
  async (signal) => {
    const first = await start();
    for (const n of most) await fetchAs(first, n, `/${macOf(n)}/boot.ipxe`);
    const began = await boots(first);
    await new Promise((resolve) => setTimeout(resolve, 2100));
    for (const n of numbers.slice(40)) await fetchAs(first, n, `/${macOf(n)}/boot.ipxe`);
    first.kill(signal);
    await first.finished();

    const second = await start();
    const after = await boots(second);
    const sure = signal === "SIGTERM" ? numbers : most;
    expect([...after.keys()]).toEqual(expect.arrayContaining(sure.map(macOf)));
    for (const n of most) await fetchAs(second, n, "/artifacts/vmlinuz-x86_64");
    const went = await boots(second);
    for (const n of most) {
      const [before, now] = [began.get(macOf(n)), went.get(macOf(n))];
      expect(now).toMatchObject({ id: before?.id, startedAt: before?.startedAt, stage: "kernel" });
      expect(now?.steps.map(({ stage }) => stage)).toEqual(["script", "kernel"]);
    }
    expect(second.log().filter(({ event }) => event === "timeline-unread")).toEqual([]);
    second.kill("SIGKILL");
    await second.finished();
  },
  60_000,
);
