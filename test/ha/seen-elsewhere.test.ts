import { hostname } from "node:os";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { bootsReply } from "../../src/api/boots.ts";
import { type Command, Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { Postgres, postgresMissing } from "../support/postgres.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";

/* Two running servers that share a database: what one of them saw is at the other one's admin port. */

const missing = postgresMissing();
const mac = "52:54:00:00:00:07";
let program: Program;
let postgres: Postgres;
const sites: ServedSite[] = [];
const servers: Command[] = [];

beforeAll(async () => {
  if (missing !== null) return;
  program = await Program.build();
  postgres = await Postgres.open();
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.kill("SIGKILL");
    await server.finished();
  }
  for (const site of sites.splice(0)) await site.close();
});
afterAll(async () => {
  await postgres?.close();
  await program?.remove();
});

async function serve() {
  const site = await ServedSite.openMirrored();
  sites.push(site);
  const store = JSON.stringify({ postgres: { urlFile: postgres.urlFile } });
  const config = site.configuration(`leases: { store: ${store} }`);
  const server = program.start(["serve", "--config", config]);
  servers.push(server);
  await server.event("ready");
  return { server, config, admin: await urlOf(server, "admin"), http: await urlOf(server, "http") };
}

const bootsAt = async (admin: string) =>
  bootsReply.parse(await (await fetch(`${admin}/api/v1/boots?mac=${mac}`)).json()).boots;

test.skipIf(missing !== null)(
  `a boot is seen at the other server of the database, whole, also when the one that saw it is killed${missing ? ` (${missing})` : ""}`,
  async () => {
    const [a, b] = [await serve(), await serve()];
    const stop = new AbortController();
    const stream = await fetch(`${b.admin}/api/v1/events`, { signal: stop.signal });
    let streamed = "";
    const reading = (async () => {
      const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
        streamed += part.value;
      }
    })().catch(() => {});
    await (await fetch(`${a.http}/${mac}/boot.ipxe`)).text();
    await (await fetch(`${a.http}/artifacts/vmlinuz-x86_64`)).arrayBuffer();
    await eventually(async () => {
      expect(await bootsAt(b.admin)).toMatchObject([
        { mac, server: expect.stringContaining(`${hostname()}-`), stage: "kernel" },
      ]);
      expect(streamed).toMatch(/event: kernel-done\ndata: .*"server":"/);
    });
    expect(await bootsAt(a.admin)).toMatchObject([{ mac, server: null, stage: "kernel" }]);
    stop.abort();
    await reading;
    a.server.kill("SIGKILL");
    await a.server.finished();
    const told = await program.run(["explain", "--boot", mac, "--json", "--config", b.config]);
    const boot: unknown = JSON.parse(told.out);
    expect([told.code, boot]).toMatchObject([
      0,
      {
        mac,
        server: expect.stringContaining(hostname()),
        given: [{ file: "boot.ipxe" }, { file: "vmlinuz-x86_64" }],
      },
    ]);
    const said = await program.run(["explain", "--boot", mac, "--config", b.config]);
    expect(said.out).toMatch(/^server +\S+$/m);
    expect(said.out).toMatch(/[0-9a-f]{64} +vmlinuz-x86_64/);
    // A server that begins while the first one is gone knows it, too.
    const c = await serve();
    expect(await bootsAt(c.admin)).toMatchObject([{ mac, stage: "kernel" }]);
    const detail = await fetch(
      `${c.admin}/api/v1/boots/${encodeURIComponent((await bootsAt(c.admin))[0]?.id ?? "")}`,
    );
    expect(JSON.stringify(await detail.json())).toContain('"event":"kernel-done"');
  },
);
