import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { NodeEntry } from "../../../src/boot/node.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { findPiFile } from "../../../src/daemon/content/raspberry-pi.ts";
import { SiteAssets } from "../../../src/daemon/content/site-assets.ts";
import { findTftpFile, type TftpContent } from "../../../src/daemon/content/tftp-files.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { readPxeVendorOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { fromHex, toHex, toText } from "../../../src/lib/bytes.ts";
import { BootSessions } from "../../../src/timeline/boots.ts";
import { askProxy, firmware, message, onlyReply, ourAddress, textOf } from "../../support/dhcp.ts";
import { eventually } from "../../support/eventually.ts";
import { nodeEntry } from "../../support/node-entry.ts";
import { servedTftp } from "../../support/served-tftp.ts";

/*
 * A Raspberry Pi's own boot loader, played by what is known of it from public logs: raspberrypi/firmware#1605 and #1012
 * (Pi 3: option 60, option 97, names of files, tsize requests that end with "Early terminate"), rpi-eeprom#74
 * and #87 (Pi 4: names, `tsize 0 blksize 1024`), rpi-eeprom#376 (how it reads offers), and the documentation of
 * config.txt (Pi 5: kernel_2712.img).
 */

interface Model {
  readonly name: string;
  readonly mac: string;
  /** Option 97, without its type. */
  readonly machineId: string;
  /** What it asks for, in order, and what it is given; null: there is none, and need not be. */
  readonly files: readonly (readonly [name: string, text: string | null])[];
}

const pi3: Model = {
  name: "3",
  mac: "b8:27:eb:6c:4c:16",
  machineId: "164c6cb6164c6cb6164c6cb6164c6cb6",
  files: [
    ["bootsig.bin", null],
    ["bootcode.bin", "bootcode.bin"],
    ["b66c4c16/start.elf", "rpi/all/start.elf"],
    ["b66c4c16/autoboot.txt", null],
    ["b66c4c16/config.txt", "arm_64bit=1\n"],
    ["b66c4c16/recovery.elf", null],
    ["b66c4c16/fixup.dat", "rpi/all/fixup.dat"],
    ["b66c4c16/dt-blob.bin", null],
    ["b66c4c16/bootcfg.txt", null],
    ["b66c4c16/cmdline.txt", "site=1 console=serial0\n"],
    ["b66c4c16/recovery8.img", null],
    ["b66c4c16/kernel8-32.img", null],
    ["b66c4c16/armstub8-32.bin", null],
    ["b66c4c16/kernel8.img", "rpi/all/kernel8.img"],
    ["b66c4c16/bcm2710-rpi-3-b.dtb", "b66c4c16/bcm2710-rpi-3-b.dtb"],
  ],
};
const pi4: Model = {
  name: "4",
  mac: "dc:a6:32:b8:04:5c",
  machineId: "525069341131c0005c04b832580578d9",
  files: [
    ["d9780558/start4.elf", "rpi/all/start4.elf"],
    ["d9780558/start.elf", "rpi/all/start.elf"],
    ["config.txt", null],
    ["recover4.elf", null],
    ["recovery.elf", null],
    ["start4.elf", null],
    ["d9780558/config.txt", "arm_64bit=1\n"],
    ["d9780558/fixup4.dat", "rpi/all/fixup4.dat"],
    ["d9780558/overlays/overlay_map.dtb", null],
    ["d9780558/cmdline.txt", "site=1 console=serial0\n"],
    ["d9780558/armstub8-gic.bin", null],
    ["d9780558/kernel8.img", "rpi/all/kernel8.img"],
  ],
};
const pi5: Model = {
  name: "5",
  mac: "2c:cf:67:01:02:03",
  machineId: "525069357041d00003020167ddccbbaa",
  files: [
    ["aabbccdd/config.txt", "arm_64bit=1\n"],
    ["aabbccdd/pieeprom.upd", null],
    ["aabbccdd/cmdline.txt", "site=1 console=serial0\n"],
    ["aabbccdd/kernel_2712.img", "rpi/all/kernel_2712.img"],
  ],
};

const { client, serve } = servedTftp();
const address = "127.0.0.1";
let directory: string;
let sessions: BootSessions;
let entry: NodeEntry | null;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "eim-pxe-pi-"));
  sessions = new BootSessions();
  entry = nodeEntry({
    kernelArgs: ["console=serial0"],
    raspberryPi: { config: "arm_64bit=1", firmware: "rpi/all" },
  });
  const shared =
    "start.elf start4.elf fixup.dat fixup4.dat kernel8.img kernel_2712.img cmdline.txt";
  put("bootcode.bin", "b66c4c16/bcm2710-rpi-3-b.dtb");
  put(...shared.split(" ").map((name) => `rpi/all/${name}`));
});

afterEach(() => rmSync(directory, { recursive: true }));

function put(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), name);
  }
}

function contentOf(): TftpContent {
  const nodes = { find: () => entry };
  const assets = new SiteAssets({ directory, sessions, nodes, isHandedOut: () => false });
  const config = parseConfig("boot: { kernelArgs: [site=1] }", null);
  return {
    loaders: { find: () => Promise.resolve(null) },
    assets,
    configs: null,
    findPi: (path, machine) => findPiFile(path, machine, { config, sessions, nodes, assets }),
    denialOf: () => null,
    anyFolder: false,
    takesSyslog: false,
  };
}

function pxeOptions({ machineId }: Model) {
  const { bios } = firmware;
  return message({ ...bios, 97: fromHex(`00${machineId}`) ?? new Uint8Array() });
}

describe.each([pi3, pi4, pi5])("Raspberry Pi $name", (model) => {
  const discover = () =>
    askProxy(pxeOptions(model), { chaddr: fromHex(model.mac) ?? new Uint8Array() });

  it("gets the offer that its boot loader takes", () => {
    const offer = onlyReply(discover());
    const option = offer.options.get(43) ?? new Uint8Array();
    expect(readPxeVendorOptions(option)).toMatchObject({
      discoveryControl: 8,
      bootMenu: [{ type: 0, text: "Raspberry Pi Boot" }],
      menuPrompt: { timeoutSeconds: 0, text: "PXE" },
    });
    expect(toHex(option)).toBe("060108091400001152617370626572727920506920426f6f740a0400505845ff");
    expect(textOf(offer, 60)).toBe("PXEClient");
    // It takes a NUL there for a part of the address (raspberrypi/firmware#871).
    expect(textOf(offer, 66)).toBe(ourAddress);
    expect(offer.siaddr).toBe(ourAddress);
    expect(toHex(offer.options.get(97) ?? new Uint8Array())).toBe(`00${model.machineId}`);
    // A pad between options makes it drop the offer; the ones behind End do not.
    const bytes = encodePacket(offer);
    let at = 240;
    while (bytes[at] !== undefined && bytes[at] !== 255) {
      expect(bytes[at]).not.toBe(0);
      at += 2 + (bytes[at + 1] ?? 0);
    }
    expect(bytes[at]).toBe(255);
  });

  it("fetches what it wants by TFTP, and what is not there is no warning", async () => {
    for (const effect of discover()) {
      if (effect.kind !== "event" || effect.event.event !== "discover") continue;
      const { mac, uuid } = effect.event;
      sessions.record("discover", { mac, address: null, uuid }, {}, { nowMs: 0, wallMs: 0 });
    }
    sessions.learnAddress(model.mac, address);
    const content = contentOf();
    const server = await serve({
      find: (name, _asked, machine) => findTftpFile(name, content, null, machine),
    });
    const pi = await client();
    const got: (readonly [name: string, text: string | null])[] = [];
    for (const [name] of model.files) {
      const fetched = await pi.fetch(server.endpoint, name, { tsize: 0, blksize: 1024 });
      got.push([name, fetched instanceof Uint8Array ? toText(fetched) : null]);
    }
    expect(got).toEqual(model.files);
    const given = model.files.filter(([, text]) => text !== null).length;
    const ends = ["asset-sent", "kernel-done"];
    await eventually(() => {
      expect(server.eventNames.filter((name) => ends.includes(name))).toHaveLength(given);
    });
    const missing = server.events.flatMap((event) =>
      event.event === "optional-file" ? [event.file] : [],
    );
    expect(missing).toEqual(model.files.flatMap(([name, text]) => (text === null ? [name] : [])));
    expect(server.eventNames).not.toContain("tftp-refused");
    expect(server.eventNames).toContain("kernel");
  });

  it("asks for a file's size first, and breaks that off", async () => {
    sessions.learnAddress(model.mac, address);
    const content = contentOf();
    const server = await serve({
      find: (name, _asked, machine) => findTftpFile(name, content, null, machine),
    });
    const pi = await client();
    const [found = ""] = model.files.findLast(([, text]) => text !== null) ?? [];
    pi.request(server.endpoint, found, { tsize: 0, blksize: 1024 });
    const { packet, from } = await pi.next();
    expect(packet).toMatchObject({ opcode: "oack" });
    pi.send({ opcode: "error", code: 0, message: "Early terminate" }, from);
    expect(await server.event("tftp-probe")).toMatchObject({ address });
    expect(server.eventNames).toEqual(["tftp-probe"]);
  });
});

describe("a Raspberry Pi's files", () => {
  const machine = { mac: pi3.mac, address };
  const text = async (name: string) => {
    const found = await findTftpFile(name, contentOf(), null, machine);
    if (found === null || found.kind === "refused") return null;
    const bytes = await found.blob.read(0, 1000);
    await found.blob.close();
    return toText(bytes);
  };

  it("in its own folder go before what its entry says", async () => {
    put("b66c4c16/config.txt", "b66c4c16/cmdline.txt", "b66c4c16/kernel8.img");
    for (const name of ["config.txt", "cmdline.txt", "kernel8.img"]) {
      expect(await text(`b66c4c16/${name}`)).toBe(`b66c4c16/${name}`);
    }
  });

  it("are those of the shared folder where its entry says nothing else", async () => {
    entry = nodeEntry({ raspberryPi: { config: null, firmware: "rpi/all" } });
    expect(await text("b66c4c16/config.txt")).toBeNull();
    expect(await text("b66c4c16/cmdline.txt")).toBe("rpi/all/cmdline.txt");
    expect(await text("b66c4c16/../../etc/passwd")).toBeNull();
    entry = nodeEntry({});
    expect(await text("b66c4c16/kernel8.img")).toBeNull();
    entry = null;
    expect(await text("b66c4c16/kernel8.img")).toBeNull();
  });

  it("in the folder of its serial number are found without that, too", async () => {
    const effects = askProxy(pxeOptions(pi3), { chaddr: fromHex(pi3.mac) ?? new Uint8Array() });
    const [discover] = effects.flatMap((effect) =>
      effect.kind === "event" && effect.event.event === "discover" ? [effect.event] : [],
    );
    const seen = { mac: pi3.mac, address: null, uuid: discover?.uuid ?? null };
    sessions.record("discover", seen, {}, { nowMs: 0, wallMs: 0 });
    entry = null;
    put("b66c4c16/bootcode.bin");
    expect(await text("bootcode.bin")).toBe("b66c4c16/bootcode.bin");
  });
});
