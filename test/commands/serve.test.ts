import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import { createInterface } from "node:readline";
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  it,
  onTestFinished,
} from "vitest";
import { loadLibc } from "../../src/net/libc.ts";
import { type Command, Program } from "../support/command.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";

const libc = process.platform === "linux" ? await loadLibc() : null;
let program: Program;
let site: ServedSite;
// More than the buffers of a connection hold.
const large = { initramfsBytes: 20_000_000 };
const running: Command[] = [];
const sockets: Socket[] = [];
const servers: Server[] = [];

beforeAll(async () => {
  program = await Program.build();
});
afterAll(() => program.remove());
beforeEach(async () => {
  site = await ServedSite.open();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
  for (const command of running.splice(0)) {
    command.kill("SIGKILL");
    await command.finished();
  }
  await site.close();
});

function serve(config: string, environment: Record<string, string> = {}): Command {
  const command = program.start(["serve", "--config", config], environment);
  running.push(command);
  return command;
}

/** Asks for a file and stops reading after its first bytes. */
async function stalledDownload(url: string, path: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.on("error", () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
  await once(socket, "data");
  socket.pause();
  return socket;
}

/** A hang guard: usually it is four seconds at most, and a busy machine may need much longer. */
const endsWithinMs = 30_000;

/** Whether it ends by itself, and not only when it is killed. */
async function ends(server: Command): Promise<boolean> {
  const guard = setTimeout(() => server.kill("SIGKILL"), endsWithinMs);
  const { code } = await server.finished();
  clearTimeout(guard);
  return code === 0;
}

describe("eim-pxe serve", () => {
  it("is listening first, then ready when a verified generation is served", async () => {
    const server = serve(site.configuration());
    const readyz = `${await urlOf(server, "admin")}/readyz`;
    await server.event("ready");
    expect((await fetch(readyz)).status).toBe(200);
    const events = server.log().map(({ event }) => event);
    expect(events.slice(0, 3)).toEqual(["http-limits", "listening", "not-ready"]);
    expect(events.indexOf("ready")).toBeGreaterThan(events.indexOf("sync-file"));
    server.kill("SIGTERM");
    expect(await server.finished()).toMatchObject({ code: 0, err: "" });
    expect(existsSync(site.path("data/running.json"))).toBe(false);
  });

  it("serves what it has when the orchestrator is down, and says why it is not ready when it has nothing", async () => {
    const config = site.configuration();
    expect((await program.run(["sync", "--config", config])).code).toBe(0);
    await site.orchestrator.close();
    const server = serve(config);
    await server.event("sync-failed");
    const events = server.log().map(({ event }) => event);
    // Where root runs the tests, and there is no user for the server.
    const expected = ["http-limits", "listening", "ready", "sync-failed"];
    expect(events.filter((event) => event !== "root-kept")).toEqual(expected);
    const empty = serve(site.configuration("", "empty.yaml"), { EIM_PXE_DATA_DIR: site.path("b") });
    await empty.event("sync-failed");
    const script = await fetch(`${await urlOf(empty, "http")}/boot.ipxe`);
    expect(script.status).toBe(503);
    expect(script.headers.get("retry-after")).toBe("10");
    expect((await fetch(`${await urlOf(empty, "admin")}/readyz`)).status).toBe(503);
  });

  it("knows the last known nodes of a cluster that is away, before its sockets open", async () => {
    const config = site.configuration(
      "nodes: { format: kubernetes, kubernetes: { kubeconfig: kubeconfig } }",
    );
    const kubeconfig = {
      "current-context": "here",
      contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
      clusters: [{ name: "c", cluster: { server: "http://127.0.0.1:1" } }],
      users: [{ name: "u", user: {} }],
    };
    writeFileSync(site.path("kubeconfig"), JSON.stringify(kubeconfig));
    const inputs = [{ mac: "52:54:00:00:00:07" }];
    const kept = { version: 1, hardware: [{ object: "tink/a", inputs }] };
    mkdirSync(site.path("data"), { recursive: true });
    writeFileSync(site.path("data/kubernetes-nodes.json"), JSON.stringify(kept));
    const server = serve(config);
    const nodes = await fetch(`${await urlOf(server, "admin")}/api/v1/nodes`);
    expect(await nodes.text()).toContain("52:54:00:00:00:07");
    await server.event("nodes-source-away");
    // They were not taken into force by and by.
    expect(server.log().map(({ event }) => event)).not.toContain("reloaded");
  });

  it("tells which machines it knows, and forgets what it learnt of one", async () => {
    const config = site.configuration();
    mkdirSync(site.path("data"));
    const kept = { mac: "08:00:27:29:4e:67", way: "menu", since: "2026-11-25T10:00:00.000Z" };
    writeFileSync(site.path("data/ways.json"), JSON.stringify({ machines: [kept] }));
    const nodes = (...words: readonly string[]) =>
      program.run(["nodes", ...words, "--config", config]);
    const before = await nodes("list");
    expect([before.code, before.err]).toEqual([5, expect.stringContaining("no server runs in")]);

    const server = serve(config);
    await server.event("ready");
    const list = await nodes("list");
    expect([list.code, list.out]).toEqual([
      0,
      expect.stringMatching(/08:00:27:29:4e:67 .* menu$/m),
    ]);
    const one = await nodes("show", kept.mac, "--json");
    expect(JSON.parse(one.out)).toMatchObject({ mac: kept.mac, way: "menu", waySince: kept.since });
    expect((await nodes("show", kept.mac)).out).toContain("menu, since 2026-11-25T10:00:00.000Z");
    const forgotten = await nodes("forget", "08-00-27-29-4E-67");
    expect([forgotten.code, forgotten.out]).toEqual([0, expect.stringContaining("unknown client")]);
    await server.event("way-forgotten");
    const gone = await nodes("show", kept.mac);
    expect([gone.code, gone.err]).toEqual([2, expect.stringContaining("nothing is known of")]);
    expect((await nodes("forget", "nobody")).code).toBe(2);
    server.kill("SIGTERM");
    await server.finished();
    expect(JSON.parse(readFileSync(site.path("data/ways.json"), "utf8"))).toEqual({ machines: [] });
  });

  it("refuses at the start a loader that is for other machines than those that get it", async () => {
    const config = site.configuration("boot: { loaders: { 11: ipxe.efi } }");
    const { code, err } = await program.run(["serve", "--config", config]);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^boot\.loaders: 11 \(ARM64 UEFI\) gets ipxe\.efi \(.*\): it is for x86-64, and these machines are arm64/,
    );
  });

  it("waits for a synchronisation by hand, and lets no second server into its folder", async () => {
    const config = site.configuration();
    let release: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      site.orchestrator.intercept((name, request, response) => {
        if (name !== "boot.ipxe" || request.method !== "GET") return false;
        release = () => {
          site.orchestrator.intercept(null);
          response.writeHead(503, { "retry-after": "3600" }).end();
        };
        resolve();
        return true;
      });
    });
    const sync = program.start(["sync", "--config", config]);
    await asked;
    const server = serve(config);
    const second = program.run(["sync", "--config", config]);
    release();
    expect((await sync.finished()).code).toBe(3);
    await server.event("ready");
    expect((await second).code).toBe(0);
    const third = await program.run(["serve", "--config", config]);
    expect(third).toMatchObject({ code: 1, err: expect.stringMatching(/works in .* already/) });
  });

  it("field fault 69: a second one with another folder is told that an eim-pxe holds the port", async () => {
    const server = serve(site.configuration());
    const url = await urlOf(server, "admin");
    await server.event("ready");
    const taken = `admin: { listen: "${new URL(url).host}" }`;
    const second = site.configuration(taken, "second.yaml");
    const elsewhere = { EIM_PXE_DATA_DIR: site.path("second") };
    const { code, err } = await program.run(["serve", "--config", second], elsewhere);
    expect(code).toBe(1);
    expect(err).toContain(
      `another eim-pxe holds the port (pid ${server.pid}, data folder ${site.path("data")}, ${url})`,
    );
  });

  it("ends by itself after SIGTERM while a client does not read its download", async () => {
    await site.close();
    site = await ServedSite.open(large);
    const server = serve(site.configuration());
    await server.event("ready");
    await stalledDownload(await urlOf(server, "http"), "/artifacts/initramfs-x86_64");
    await stalledDownload(await urlOf(server, "admin"), "/api/v1/events");
    server.kill("SIGTERM");
    expect(await ends(server)).toBe(true);
    expect((await server.finished()).code).toBe(0);
  });

  it("ends by itself after SIGTERM while the orchestrator does not answer", async () => {
    const asked = new Promise<void>((resolve) => {
      site.orchestrator.intercept(() => {
        resolve();
        return true;
      });
    });
    const server = serve(site.configuration());
    await asked;
    server.kill("SIGTERM");
    expect(await ends(server)).toBe(true);
    expect((await server.finished()).code).toBe(0);
  });

  it("lets a running download end after SIGTERM, and ends with it", async () => {
    await site.close();
    site = await ServedSite.open(large);
    const server = serve(site.configuration());
    await server.event("ready");
    const socket = await stalledDownload(
      await urlOf(server, "http"),
      "/artifacts/initramfs-x86_64",
    );
    server.kill("SIGTERM");
    await server.event("stopping");
    let bytes = 0;
    socket.on("data", (chunk) => (bytes += chunk.length));
    socket.resume();
    expect(await ends(server)).toBe(true);
    expect(server.log().map(({ event }) => event)).toContain("initramfs-done");
    expect(bytes).toBeGreaterThan(19_000_000);
  });

  it("serves although it cannot write where it is to be found, and says so", async () => {
    mkdirSync(site.path("data/running.json"), { recursive: true });
    const server = serve(site.configuration());
    await server.event("ready");
    expect(await server.event("announce-failed")).toMatchObject({ level: "warn" });
    const left = readdirSync(site.path("data")).filter((name) => name.includes("running"));
    expect(left).toEqual(["running.json"]);
    server.kill("SIGTERM");
    expect(await server.finished()).toMatchObject({ code: 0, err: "" });
  });

  it.runIf(libc !== null)("ends with the sockets that systemd passed, used or not", async () => {
    const fd = libc?.bindToDevice("lo", { address: "127.0.0.1", port: 0 }, false) ?? -1;
    const shell = ["-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@"', process.execPath];
    const args = [...shell, program.entry, "serve", "--config", site.configuration()];
    const server = spawn("sh", args, { stdio: ["ignore", "pipe", "inherit", fd] });
    libc?.close(fd);
    onTestFinished(() => void server.kill("SIGKILL"));
    const ended = once(server, "exit");
    const input = server.stdout ?? Readable.from([]);
    for await (const line of createInterface({ input })) {
      if (line.includes('"event":"listening"')) server.kill("SIGTERM");
    }
    expect(await ended).toEqual([0, null]);
  });

  it("ends with 2 when the lease journal cannot be used", async () => {
    mkdirSync(site.path("data/leases.journal"), { recursive: true });
    const full = "interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: full } }]";
    const text = readFileSync(site.configuration(), "utf8").replace(/interfaces: .*/, full);
    const { code, err } = await serve(site.write("full.yaml", text)).finished();
    expect(code).toBe(2);
    expect(err).toContain("the lease journal");
  });

  it("ends with 2 when the data folder cannot be used", async () => {
    site.write("data", "a file");
    const { code, err } = await serve(site.configuration()).finished();
    expect(code).toBe(2);
    expect(err).toMatch(/^dataDir: .* cannot be used: /);
  });

  it("goes on when nobody reads its log any more", async () => {
    const server = serve(site.configuration());
    await server.event("ready");
    const url = await urlOf(server, "http");
    server.closeOutput();
    for (let request = 0; request < 3; request++) {
      expect((await fetch(`${url}/nothing`)).status).toBe(404);
    }
    expect((await fetch(`${url}/boot.ipxe`)).status).toBe(200);
  });

  it("ends with 1 where another server works in the same data folder", async () => {
    const config = site.configuration();
    const first = serve(config);
    await first.event("ready");
    const { code, err } = await serve(config).finished();
    expect(code).toBe(1);
    expect(err).toContain(`pid ${first.pid}`);
    expect(JSON.parse(readFileSync(site.path("data/running.json"), "utf8"))).toMatchObject({
      pid: first.pid,
    });
  });
});

describe("eim-pxe sync", () => {
  it("is done by the server that runs, which serves the result at once", async () => {
    site.write("token", "0123456789abcdef\n");
    const config = site.configuration('admin: { listen: "127.0.0.1:0", tokenFile: token }');
    const server = serve(config);
    await server.event("ready");
    const script = "#!ipxe\nset download-url https://x/y\nboot\n";
    site.orchestrator.replace("boot.ipxe", Buffer.from(script));
    const { code, out } = await program.run(["sync", "--json", "--config", config]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ changed: true, fetched: [{ file: "boot.ipxe" }] });
    const served = await fetch(`${await urlOf(server, "http")}/boot.ipxe`);
    expect(await served.text()).toMatch(/\/artifacts\nimgfetch .*stage=booting.*\nboot\n/s);
  });

  it("ends with 3 when the server that runs cannot do it", async () => {
    const config = site.configuration();
    const server = serve(config);
    await server.event("ready");
    await site.orchestrator.close();
    const { code, err } = await program.run(["sync", "--config", config]);
    expect(code).toBe(3);
    expect(err).toContain("connection refused");
  });

  it("is done here when the server that was announced is gone", async () => {
    const config = site.configuration();
    const server = serve(config);
    await server.event("ready");
    server.kill("SIGKILL");
    await server.finished();
    expect(existsSync(site.path("data/running.json"))).toBe(true);
    const { code, out } = await program.run(["sync", "--config", config]);
    expect(code).toBe(0);
    expect(out).toContain("up to date");
  });

  it("does not take another program at the announced port for the server", async () => {
    const asked: string[] = [];
    const other = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('{"generation": "not ours", "changed": true, "durationMs": 1, "fetched": []}');
    });
    servers.push(other.listen(0, "127.0.0.1"));
    await once(other, "listening");
    const bound = other.address();
    const port = typeof bound === "object" ? bound?.port : null;
    mkdirSync(site.path("data"));
    const announced = { pid: 1, admin: `http://127.0.0.1:${port}`, instance: "gone" };
    site.write("data/running.json", JSON.stringify(announced));
    const { code, out } = await program.run(["sync", "--json", "--config", site.configuration()]);
    expect(code).toBe(0);
    expect(JSON.parse(out).generation).toMatch(/^000001-/);
    expect(asked.filter((line) => line.startsWith("POST"))).toEqual([]);
  });
});
