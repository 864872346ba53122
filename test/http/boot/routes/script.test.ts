import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256Of } from "../../../../src/lib/bytes.ts";
import { BootPort, orchestratorScript } from "../../../support/boot-port.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "52:54:00:12:34:56";
const uuid = "4c4c4544-0042-3510-8052-b4c04f4e3732";
let port: BootPort;

beforeEach(async () => {
  port = new BootPort({ kernelArgs: ["site=1"] });
  port.addGeneration("g1", { "boot.ipxe": orchestratorScript });
  await port.open();
});
afterEach(() => port.close());

async function get(path: string, init?: RequestInit): Promise<{ reply: Response; text: string }> {
  const reply = await fetch(port.url + path, init);
  return { reply, text: await reply.text() };
}

describe("boot.ipxe", () => {
  test("is the orchestrator's script, fetching from the address that the machine connected to", async () => {
    const { reply, text } = await get("/boot.ipxe");
    expect(reply.status).toBe(200);
    expect(reply.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(reply.headers.get("cache-control")).toBe("no-store");
    expect(text.startsWith("#!ipxe\n")).toBe(true);
    expect(text).toContain(`set download-url ${port.url}/artifacts\n`);
    expect(text).toContain(`${port.url}/events?`);
    expect(text).not.toContain("orchestrator.example");
  });

  test("does not believe the Host header", async () => {
    const socket = port.connect();
    socket.write("GET /boot.ipxe HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    expect(text).toContain(`set download-url ${port.url}/artifacts\n`);
    expect(text).not.toContain("evil.example");
  });

  test("appends the configured kernel arguments, then the node's own", async () => {
    port.nodes = (machine) => (machine.mac === mac ? nodeEntry({ kernelArgs: ["own=2"] }) : null);
    const own = await get(`/${mac}/boot.ipxe`);
    expect(own.text).toContain("worker_id=${mac} site=1 own=2 s_eim_script=0x3e8\n");
    const other = await get("/52:54:00:00:00:01/boot.ipxe");
    expect(other.text).toContain("worker_id=${mac} site=1 s_eim_script=0x3e8\n");
  });

  test("tells the Micro-OS when this boot reached its stages, in hex as iPXE writes times", async () => {
    const seen = { mac, address: "127.0.0.1" };
    port.sessions.record("discover", seen, {}, { nowMs: 960_000, wallMs: 960_000 });
    port.sessions.record("loader-start", seen, {}, { nowMs: 970_000, wallMs: 970_000 });
    port.sessions.record("loader-done", seen, {}, { nowMs: 971_500, wallMs: 971_500 });
    const { text } = await get(`/${mac}/boot.ipxe`);
    expect(text).toContain(
      " s_eim_discover=0x3c0 s_eim_loader_start=0x3ca s_eim_loader_done=0x3cb s_eim_script=0x3e8\n",
    );
  });

  test("reports right before it starts the kernel", async () => {
    const { text } = await get(`/${mac}/boot.ipxe`);
    const lines = text.split("\n");
    const at = lines.indexOf("boot || goto error");
    expect(lines[at - 2]).toMatch(/^imgfetch --timeout 3000 .*\/events\?stage=booting&.* \|\|$/);
    expect(lines[at - 1]).toBe("imgfree eim-beacon ||");
  });

  test("is reported with generation, UUID and serial number", async () => {
    const query = `uuid=${uuid.toUpperCase()}&serial=ABC%20123`;
    const { text } = await get(`/52-54-00-12-34-56/boot.ipxe?${query}`);
    const about = { mac, address: "127.0.0.1", uuid, serial: "ABC 123", generation: "g1" };
    expect(port.named("script")).toEqual([{ event: "script", ...about, sha256: sha256Of(text) }]);
  });

  test("takes a plus in the query for a plus, as iPXE means it, and %20 for a blank", async () => {
    await get("/boot.ipxe?mac=525400123456&serial=A+1%2B2%203");
    expect(port.named("script")).toMatchObject([{ serial: "A+1+2 3" }]);
  });

  test("takes the MAC from the query", async () => {
    await get("/boot.ipxe?mac=525400123456&uuid=&serial=");
    expect(port.named("script")).toMatchObject([{ mac, uuid: null, serial: null }]);
  });

  test("knows the machine by its address when it names no MAC", async () => {
    port.sessions.learnAddress(mac, "127.0.0.1");
    await get("/boot.ipxe");
    expect(port.named("script")).toMatchObject([{ mac }]);
  });

  test("takes hostile values in the query for absent or makes them harmless", async () => {
    const { reply } = await get(
      "/boot.ipxe?mac=%0a&mac=2&uuid=%3Cscript%3E&serial=%1b%5B31m%0aset%20x%20y",
    );
    expect(reply.status).toBe(200);
    expect(port.named("script")).toMatchObject([
      { mac: null, uuid: null, serial: "\\x1b[31m\\x0aset x y" },
    ]);
  });

  test("is not reported for HEAD, which has the same headers and no body", async () => {
    const { reply, text } = await get("/boot.ipxe", { method: "HEAD" });
    const whole = await get("/boot.ipxe");
    expect(text).toBe("");
    expect(reply.headers.get("content-length")).toBe(String(whole.text.length));
    expect(port.named("script")).toHaveLength(1);
  });

  test("is refused for a path that names no hardware address", async () => {
    const { reply } = await get("/not-a-mac/boot.ipxe");
    expect(reply.status).toBe(404);
    expect(port.named("http-refused")).toMatchObject([
      { path: "/not-a-mac/boot.ipxe", status: 404 },
    ]);
  });

  test("a machine that may not boot is told so, and no stage is reported", async () => {
    port.nodes = () => nodeEntry({ netboot: "deny" });
    const { reply, text } = await get(`/${mac}/boot.ipxe`);
    expect(reply.status).toBe(403);
    expect(text).toBe("this machine may not boot from here: its node entry says netboot: deny\n");
    expect(port.events).toMatchObject([{ event: "http-refused", mac, status: 403 }]);
  });

  test.each([
    ["iPXE/1.0.0+git-20190125.36a4c85-5.1", true],
    ["iPXE/1.0.0", true],
    ["iPXE/1.20.1", false],
    ["iPXE/1.21.1+git-20220113.fbbdc3926", false],
    ["iPXE/2.0.0", false],
    ["curl/8", false],
  ])("sent on to its disk, %s restarts a UEFI machine: %s", async (agent, restarts) => {
    const headers = { "user-agent": agent };
    const restart = /iseq \$\{platform\} efi \|\| goto end\n[^]*\nreboot\n:end\nexit 1\n$/;
    port.localBoot = "exit";
    port.nodes = () => nodeEntry({ netboot: "deny" });
    const at = { nowMs: 1, wallMs: 1 };
    // In a card's ROM it gives the machine back.
    port.sessions.record("ipxe-discover", { mac, address: null }, {}, at);
    expect((await get(`/${mac}/boot.ipxe`, { headers })).text).not.toMatch(restart);
    port.sessions.record("discover", { mac, address: null }, {}, at);
    port.sessions.record("loader-done", { mac, address: "127.0.0.1" }, {}, at);
    for (const localBoot of ["exit", "sanboot"] as const) {
      port.localBoot = localBoot;
      const { reply, text } = await get(`/${mac}/boot.ipxe`, { headers });
      expect(reply.status).toBe(200);
      expect(restart.test(text)).toBe(restarts);
      expect(text).toMatch(/exit 1\n$/);
      const [event] = port.named("local-boot").toReversed();
      expect(event).toMatchObject({ way: localBoot, ...(restarts ? { restarts } : {}) });
    }
  });

  test("a machine that is known by its UUID only is found by it", async () => {
    port.nodes = (machine) => (machine.uuid === uuid ? nodeEntry({ netboot: "deny" }) : null);
    expect((await get(`/boot.ipxe?uuid=${uuid}`)).reply.status).toBe(403);
  });

  test("before the first synchronisation iPXE is told to ask again, and people what to do", async () => {
    port.currentGeneration = null;
    const { reply, text } = await get("/boot.ipxe");
    expect(reply.status).toBe(503);
    expect(reply.headers.get("retry-after")).toBe("10");
    expect(text).toContain("eim-pxe sync");
    expect(port.named("script")).toEqual([]);
  });

  test("a script that cannot be rewritten is a clear error", async () => {
    port.addGeneration("g2", { "boot.ipxe": "#!ipxe\nboot\n" });
    const { reply, text } = await get("/boot.ipxe");
    expect(reply.status).toBe(500);
    expect(text).toContain("set download-url");
    expect(port.events).toMatchObject([{ event: "http-refused", status: 500 }]);
  });

  test("is read and parsed once, and is never one that was changed on disk", async () => {
    const path = join(port.folder, "g1", "boot.ipxe");
    const { text } = await get("/boot.ipxe");
    rmSync(path);
    expect((await get("/boot.ipxe")).text).toBe(text);
    port.addGeneration("g2", { "boot.ipxe": `${orchestratorScript}# g2\n` });
    port.write("g2/boot.ipxe", `${orchestratorScript}# g3\n`);
    const changed = await get("/boot.ipxe");
    expect(changed.reply.status).toBe(500);
    expect(changed.text).toContain("was changed on disk; run: eim-pxe sync");
  });

  test("a generation without a script is a clear error", async () => {
    port.addGeneration("g2", { other: "x" });
    const { reply, text } = await get("/boot.ipxe");
    expect(reply.status).toBe(500);
    expect(text).toContain("artifacts.files");
  });

  test("a node with a script of its own is sent there, with nothing synchronised", async () => {
    port.currentGeneration = null;
    port.nodes = () => nodeEntry({ scriptUrl: "http://boot.example/${mac}/a b.ipxe" });
    const { reply, text } = await get(`/${mac}/boot.ipxe`);
    expect(reply.status).toBe(200);
    expect(text.startsWith("#!ipxe\n")).toBe(true);
    expect(text).toContain("\nchain --replace http://boot.example/${mac}/a%20b.ipxe ||\n");
    expect(port.named("script")).toMatchObject([{ mac, generation: null }]);
  });
});

describe("the base URL", () => {
  test("is the configured one of the address that was connected to", async () => {
    const special = new BootPort({ baseUrls: new Map([["127.0.0.1", "http://boot.site:80"]]) });
    special.addGeneration("g1", { "boot.ipxe": orchestratorScript });
    await special.open();
    const text = await (await fetch(`${special.url}/boot.ipxe`)).text();
    await special.close();
    expect(text).toContain("set download-url http://boot.site:80/artifacts\n");
  });
});

describe("autoexec.ipxe", () => {
  test.each(["/autoexec.ipxe", "/loaders/autoexec.ipxe", `/${mac}/autoexec.ipxe`])(
    "is at %s and goes on to boot.ipxe",
    async (path) => {
      const { reply, text } = await get(path);
      expect(reply.status).toBe(200);
      expect(text.startsWith("#!ipxe\n")).toBe(true);
      expect(text).toContain(`${port.url}/boot.ipxe?mac=`);
      const machine = { mac: path.includes(mac) ? mac : null, address: "127.0.0.1" };
      const about = { file: "autoexec.ipxe", sha256: sha256Of(text) };
      expect(port.events).toEqual([{ event: "autoexec", ...machine, ...about, protocol: "http" }]);
    },
  );

  test("is not there when the orchestrator's loader goes its own way", async () => {
    const without = new BootPort({ autoexec: false });
    await without.open();
    const reply = await fetch(`${without.url}/autoexec.ipxe`);
    await without.close();
    expect(reply.status).toBe(404);
  });
});

describe("a template of the site's own", () => {
  const template = "#!ipxe\nkernel ${download-url}/vmlinuz-x86_64 ${eim-kernel-args}\nboot\n";

  test("is served with what it cannot know set ahead of it, and read anew each time", async () => {
    const path = join(port.folder, "own.ipxe");
    writeFileSync(path, template);
    const own = new BootPort({
      kernelArgs: ["a=1", "b=2"],
      script: { kind: "template", path, needsMicroOs: true },
    });
    await own.open();
    try {
      expect((await fetch(`${own.url}/boot.ipxe`)).status).toBe(503);
      own.addGeneration("g1", {});
      const text = await (await fetch(`${own.url}/boot.ipxe`)).text();
      expect(text.split("\n")).toEqual([
        "#!ipxe",
        `set eim-base-url ${own.url}`,
        `set download-url ${own.url}/artifacts`,
        `set eim-events-url ${own.url}/events`,
        "set eim-generation g1",
        "set eim-kernel-args a=1 b=2",
        "kernel ${download-url}/vmlinuz-x86_64 ${eim-kernel-args}",
        "boot",
        "",
      ]);
      writeFileSync(path, "no script");
      expect((await fetch(`${own.url}/boot.ipxe`)).status).toBe(500);
    } finally {
      await own.close();
    }
  });
});

describe("the orchestrator's own loader", () => {
  test("is what a machine gets in which iPXE runs, without a generation and without autoexec", async () => {
    const own = new BootPort({
      script: { kind: "loader", name: "signed_ipxe.efi" },
      autoexec: false,
    });
    await own.open();
    try {
      const { status, text } = await fetch(`${own.url}/${mac}/boot.ipxe`).then(async (reply) => ({
        status: reply.status,
        text: await reply.text(),
      }));
      expect(status).toBe(200);
      expect(text).toContain(`chain --replace ${own.url}/loaders/signed_ipxe.efi ||`);
      expect((await fetch(`${own.url}/autoexec.ipxe`)).status).toBe(404);
    } finally {
      await own.close();
    }
  });
});
