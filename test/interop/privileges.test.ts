import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadLibc } from "../../src/net/libc.ts";
import { certify } from "../support/certificates.ts";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * `eim-pxe serve` started by root: what each of its threads may do afterwards, as the kernel says, and that links
 * still come, sockets are bound, files written and certificates taken up. Each test goes on where the former ended.
 */

const missing =
  reasonToSkip({ tools: ["curl", "openssl"], root: true }) ??
  netnsMissing() ??
  ((await loadLibc()) === null ? "needs koffi" : null);

const [uid, gid] = [20_067, 20_068];
const NET_BIND_SERVICE = 1n << 10n;

interface Rights {
  readonly uid: string;
  readonly gid: string;
  readonly groups: string;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly ambient: bigint;
}

function rightsOf(pid: number): Rights[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8");
    const word = (key: string) => new RegExp(`^${key}:[ \\t]*(.*)$`, "m").exec(status)?.[1] ?? "";
    const bits = (key: string) => BigInt(`0x${word(key)}`);
    return {
      uid: word("Uid").replaceAll("\t", " "),
      gid: word("Gid").replaceAll("\t", " "),
      groups: word("Groups").trim(),
      permitted: bits("CapPrm"),
      effective: bits("CapEff"),
      ambient: bits("CapAmb"),
    };
  });
}

describe.skipIf(missing !== null)(
  `started by root${missing === null ? "" : ` (${missing})`}`,
  () => {
    let net: Netns;
    let files: ServedSite;
    let program: Program;
    let host: string;
    let server: Guest;

    const configuration = (user: string) => `
dataDir: data
user: ${user}
interfaces: [{ name: eth1 }, { name: eth2 }]
http: { port: 80, tls: { certFile: server.crt, keyFile: server.key, port: 443 } }
admin: { listen: "127.0.0.1:8081", tokenFile: token }
nodes: { file: nodes.yaml }
artifacts: { origin: "https://127.0.0.1:9/tink-stack", ca: { file: ca.pem }, loaderDirs: [loaders] }
`;

    const start = async (user: string): Promise<Guest> => {
      const config = files.write("eim-pxe.yaml", configuration(user));
      const guest = net.spawn(host, process.execPath, program.entry, "serve", "--config", config);
      await guest.said('"event":"listening"');
      return guest;
    };

    const certificate = async (name: string): Promise<void> => {
      const { cert, key } = await certify(name, null);
      files.write("server.crt", cert);
      files.write("server.key", key);
    };

    beforeAll(async () => {
      net = createNetns();
      [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
      for (const folder of [files.folder, join(dirname(program.entry), "..")])
        chmodSync(folder, 0o755);
      host = net.host("server");
      net.cable(
        { host, device: "eth1", addresses: ["10.8.1.1/24"] },
        { host: net.host("far"), device: "eth0", addresses: ["10.8.1.9/24"] },
      );
      await certificate("first.example");
      writeFileSync(files.path("token"), "a-token-of-the-site-1", { mode: 0o600 });
      files.write("nodes.yaml", "[]\n");
      mkdirSync(files.path("data/left"));
      files.write("data/left/by-root", "x");
      server = await start(`"${uid}:${gid}"`);
    });
    afterAll(async () => {
      await net.close();
      await Promise.all([files.close(), program.remove()]);
    });

    test("no thread is root's, and one capability is left, on the thread that binds ports", async () => {
      await server.said('"event":"root-given-up"');
      const threads = rightsOf(server.pid);
      expect(threads.length).toBeGreaterThan(4);
      for (const thread of threads) {
        expect(thread).toMatchObject({
          uid: `${uid} ${uid} ${uid} ${uid}`,
          gid: `${gid} ${gid} ${gid} ${gid}`,
          groups: "",
          ambient: 0n,
        });
        expect([0n, NET_BIND_SERVICE]).toContain(thread.permitted);
        expect(thread.effective).toBe(thread.permitted);
      }
      const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
      expect(status).toMatch(/^CapEff:\t0000000000000400$/m);
      expect(status).toMatch(/^CapBnd:\t0000000000000400$/m);
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    });

    test("the data folder is its own, with what root had left there", async () => {
      const names = ["", "running.json", "artifacts", "left", "left/by-root"];
      // The file that says where the server is found is the last to be written.
      await eventually(() => {
        const owners = names.map((name) => {
          const stats = statSync(files.path(join("data", name)));
          return [name, stats.uid, stats.gid];
        });
        expect(owners).toEqual(names.map((name) => [name, uid, gid]));
      });
    });

    test("a link that comes is served on ports below 1024", async () => {
      net.cable(
        { host, device: "eth2", addresses: ["10.8.2.1/24"] },
        { host: net.host("late"), device: "eth0", addresses: ["10.8.2.9/24"] },
      );
      await server.said('"event":"link-up"');
      const sockets = execFileSync("ip", ["netns", "exec", host, "ss", "-Hlnu"]).toString();
      for (const port of [67, 69, 4011])
        expect(sockets).toMatch(new RegExp(`10\\.8\\.2\\.1(%eth2)?:${port}\\b`));
      const script = ["netns", "exec", host, "curl", "-sf", "http://10.8.2.1/boot.ipxe"];
      expect(execFileSync("ip", script).toString()).toMatch(/^#!ipxe/);
    });

    test("a renewed certificate is taken up, and the nodes file is read again", async () => {
      await certificate("second.example");
      files.write("nodes.yaml", "- mac: 52:54:00:00:00:01\n");
      server.signal("SIGHUP");
      await server.said('"event":"reloaded"');
      const words = ["netns", "exec", host, "curl", "-sk", "-o", "/dev/null", "-w", "%{certs}"];
      await eventually(() => {
        const shown = execFileSync("ip", [...words, "https://10.8.1.1/boot.ipxe"]).toString();
        expect(shown).toContain("second.example");
      });
      expect(rightsOf(server.pid).every((thread) => thread.permitted <= NET_BIND_SERVICE)).toBe(
        true,
      );
    });

    test("what it may not read again is named, and it reads it at the start as root", async () => {
      await server.said('"event":"unreadable-files"');
      const { output } = await stopped();
      expect(output).toContain(`"files":["${files.path("token")}"]`);
    });

    test("it starts again on its own data, by whom that is, unless the configuration says another", async () => {
      chmodSync(files.path("token"), 0o644);
      server = await start("auto");
      await server.said(`"uid":${uid}`);
      expect(rightsOf(server.pid)[0]).toMatchObject({ uid: `${uid} ${uid} ${uid} ${uid}` });
      await stopped();
      server = await start("root");
      expect(rightsOf(server.pid)[0]).toMatchObject({ uid: "0 0 0 0" });
      const { output } = await stopped();
      expect(output).not.toContain("root-given-up");
    });

    test("a user that cannot be had ends the start with 2, and auto says why it stays root", async () => {
      const config = files.write("wrong.yaml", configuration("nobody-of-that-name"));
      const words = ["serve", "--config", config];
      const { code, output } = await net
        .spawn(host, process.execPath, program.entry, ...words)
        .ended();
      expect({ code, output }).toMatchObject({
        code: 2,
        output: expect.stringContaining("useradd --system --no-create-home"),
      });
      chmodSync(files.path("token"), 0o600);
      server = await start("auto");
      await server.said('"event":"root-kept"');
      const kept = await stopped();
      expect(kept.output).toContain(`may not read ${files.path("token")}`);
    });

    const stopped = async () => {
      server.signal("SIGTERM");
      return server.ended();
    };
  },
);
