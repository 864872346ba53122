import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Generation, generationAt } from "../../../src/artifacts/store/generation.ts";
import type { NodeEntry } from "../../../src/boot/node.ts";
import type { Denial } from "../../../src/boot/policy.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { BootConfigs } from "../../../src/daemon/content/boot-configs.ts";
import { findTftpFile, type TftpContent } from "../../../src/daemon/content/tftp-files.ts";
import { SiteAssets } from "../../../src/daemon/content/site-assets.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { nodeEntry } from "../../support/node-entry.ts";

const mac = "08:00:27:29:4e:67";
const uuid = "44332211-6655-8877-99aa-bbccddeeff00";
const address = "192.168.77.50";
const somebody = { mac: null, address };
const ofMac = "pxelinux.cfg/01-08-00-27-29-4e-67";

let folder: string;
let entry: NodeEntry | null;
let denial: Denial | null;
let sessions: BootSessions;
let generation: Generation | null;
let configs: BootConfigs;

function put(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function made(text = ""): BootConfigs {
  const nodes = { find: () => entry, denialOf: () => denial };
  const directory = join(folder, "assets");
  mkdirSync(directory, { recursive: true });
  const assets = new SiteAssets({ directory, sessions, nodes, isHandedOut: () => false });
  return new BootConfigs({
    config: parseConfig(text, null),
    store: { current: () => generation, get: () => null },
    sessions,
    nodes,
    assets,
    clock: { now: () => 1000, wall: () => 1_000_000 },
  });
}

const script = readFileSync("test/fixtures/orchestrator/boot.ipxe", "utf8");

function mirrored(text: string): Generation {
  const files = Object.entries({
    "boot.ipxe": text,
    "vmlinuz-x86_64": "kernel",
    "initramfs-x86_64": "initramfs",
  }).map(([name, content]) => {
    put(`g1/${name}`, content);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { name, size: Buffer.byteLength(content), sha256, etag: null, lastModified: null };
  });
  const createdAt = "2026-11-30T00:00:00.000Z";
  const manifest = { version: 1 as const, origin: "https://a/b", createdAt, files };
  return generationAt(join(folder, "g1"), "g1", manifest);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-configs-"));
  entry = null;
  denial = null;
  sessions = new BootSessions();
  generation = mirrored(script);
  configs = made();
});

afterEach(() => rmSync(folder, { recursive: true }));

async function told(name: string, of = configs): Promise<string | null> {
  const found = await of.find(name, somebody);
  if (found === null) return null;
  return found.kind === "config" ? found.text : `(${found.why})`;
}

describe("PXELINUX, U-Boot and GRUB, where the site has no file of its own", () => {
  it("boot the same as iPXE: kernel, initramfs, and the arguments of site and machine", async () => {
    entry = nodeEntry({ mac, kernelArgs: ["own=1"] });
    const of = made("boot: { kernelArgs: [site=1] }");
    const found = await of.find(ofMac, somebody);
    expect(found).toMatchObject({ kind: "config", name: ofMac, generation: "g1", sendsOn: null });
    const lines = await told(ofMac, of);
    expect(lines).toContain("  kernel /artifacts/vmlinuz-x86_64\n");
    expect(lines).toContain("  initrd /artifacts/initramfs-x86_64\n");
    expect(lines).toMatch(
      / {2}append root=tmpfs .* worker_id=08:00:27:29:4e:67 .* site=1 own=1\n$/,
    );
    const grub = await told("grub/grub.cfg-01-08-00-27-29-4e-67", of);
    expect(grub).toMatch(/^linux \/artifacts\/vmlinuz-x86_64 root=tmpfs .* own=1\n/);
    expect(grub).toContain("\ninitrd /artifacts/initramfs-x86_64\nboot\n");
  });

  it.each([
    ["by somebody who only names it", true, "sn="],
    ["by the machine itself", false, "sn=A1"],
  ])("are told a serial number that was told %s", async (_, isClaim, expected) => {
    generation = mirrored(script.replace(/^(\s*imgargs \S+)/m, "$1 sn=${serial}"));
    const seen = { mac, address, serial: isClaim ? "A1 init=/bin/sh" : "A1", isClaim };
    sessions.record("script", seen, {}, { nowMs: 900, wallMs: 900_000 });
    const words = (await told(ofMac))?.split(/\s+/) ?? [];
    expect(words).toContain(expected);
    expect(words).not.toContain("init=/bin/sh");
  });

  it("are known by their address, or the UUID of their entry; nobody else gets anything", async () => {
    const names = [`pxelinux.cfg/${uuid}`, "pxelinux.cfg/C0A84D32", "pxelinux.cfg/default"];
    for (const name of [...names, "grub/grub.cfg", "extlinux/extlinux.conf"]) {
      expect(await told(name)).toBeNull();
    }
    entry = nodeEntry({ mac, uuid });
    expect(await told(`pxelinux.cfg/${uuid}`)).toContain("vmlinuz");
    entry = null;
    sessions.learnAddress(mac, address);
    for (const name of [...names, "grub/grub.cfg", "extlinux/extlinux.conf"]) {
      expect(await told(name)).toContain("vmlinuz");
    }
    expect(await told("pxelinux.cfg/C0A84")).toBeNull();
    expect(await told("pxelinux.cfg/default-arm-bcm283x-rpi")).toBeNull();
  });

  it.each([
    ofMac,
    "pxelinux.cfg/C0A84D32",
    "pxelinux.cfg/C0A8",
    "pxelinux.cfg/default",
    "08-00-27-29-4e-67/pxelinux.cfg/default",
  ])("have the site's own file, also where they ask for another one first: %s", async (file) => {
    sessions.learnAddress(mac, address);
    put(`assets/${file}`, "label own");
    expect(await told(`pxelinux.cfg/${uuid}`)).toBeNull();
    expect(await told(ofMac)).toBeNull();
    expect(await told("grub/grub.cfg")).toContain("vmlinuz");
  });

  it("have the text of the machine's entry, unless there is a file for this machine", async () => {
    entry = nodeEntry({ mac, pxelinux: "default a" });
    put("assets/pxelinux.cfg/default", "label own");
    expect(await told(ofMac)).toBe("default a\n");
    expect(await told("grub.cfg-01-08-00-27-29-4e-67")).toContain("vmlinuz");
    put(`assets/${ofMac}`, "label own");
    sessions.learnAddress(mac, address);
    expect(await told(`pxelinux.cfg/${uuid}`)).toBeNull();
  });

  it("are sent on to their disk where the machine may not boot", async () => {
    denial = { way: "exit", isAuto: false, reason: "its node entry says netboot: deny" };
    put(`assets/${ofMac}`, "label own");
    expect(await configs.find(ofMac, somebody)).toMatchObject({
      text: expect.stringContaining("localboot -1"),
      generation: null,
      sendsOn: { way: "exit", reason: denial.reason },
    });
    denial = { ...denial, way: "not-found" };
    expect(await told(ofMac)).toBeNull();
  });

  it("get nothing that does not run on their processor, or that iPXE alone can do", async () => {
    const seen = { mac, address: null };
    const at = { nowMs: 1000, wallMs: 1_000_000 };
    sessions.record("discover", seen, { architecture: "ARM64 U-Boot" }, at);
    expect(await told(ofMac)).toBe("(the mirror's vmlinuz-x86_64 does not run on ARM64 U-Boot)");
    sessions = new BootSessions();
    configs = made();
    entry = nodeEntry({ mac, scriptUrl: "http://a/b.ipxe" });
    expect(await told(ofMac)).toContain("scriptUrl");
    entry = null;
    expect(await told(ofMac, made("boot: { scriptUrl: 'http://a/b.ipxe' }"))).toBeNull();
    generation = null;
    expect(await told(ofMac)).toBeNull();
  });

  it("are none where nothing may start whose signature was not checked, which only iPXE can do", async () => {
    const unserved = await told(ofMac, made("boot: { imgverify: required }"));
    expect(unserved).toContain("no boot program but iPXE checks signatures");
    expect(await told(ofMac, made("boot: { imgverify: auto }"))).toContain("vmlinuz-x86_64");
  });

  it("are told when the mirror's script was changed on disk", async () => {
    put("g1/boot.ipxe", "#!ipxe\n");
    expect(await told(ofMac)).toBe("(boot.ipxe of generation g1 was changed on disk)");
  });
});

describe("the mirror's files, as such configurations name them", () => {
  it("are the kernel and the initramfs, whatever folder is put in front", () => {
    expect(configs.artifact("artifacts/vmlinuz-x86_64", somebody)).toMatchObject({
      content: "kernel",
      name: "vmlinuz-x86_64",
      generation: "g1",
    });
    const name = "bios/artifacts/initramfs-x86_64";
    expect(configs.artifact(name, somebody)).toMatchObject({ content: "initramfs" });
    for (const other of ["boot.ipxe", "manifest.json", "../g1/vmlinuz-x86_64", "vmlinuz"]) {
      expect(configs.artifact(`artifacts/${other}`, somebody)).toBeNull();
    }
    expect(configs.artifact("xartifacts/vmlinuz-x86_64", somebody)).toBeNull();
  });

  it("are refused by TFTP to a machine that may not boot", async () => {
    const path = "artifacts/vmlinuz-x86_64";
    const content: TftpContent = {
      loaders: { find: () => Promise.resolve(null) },
      assets: null,
      configs,
      findPi: () => Promise.resolve(null),
      denialOf: () => denial,
      anyFolder: false,
      takesSyslog: false,
    };
    const sent = await findTftpFile(path, content, null, somebody);
    if (sent === null || sent.kind === "refused") throw new Error("it is not sent");
    expect(sent).toMatchObject({ kind: "kernel", name: "vmlinuz-x86_64", generation: "g1" });
    await sent.blob.close();
    denial = { way: "exit", isAuto: false, reason: "no" };
    expect(await findTftpFile(path, content, null, somebody)).toMatchObject({
      kind: "refused",
      asMissing: false,
    });
  });
});
