import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import {
  baseUrl,
  firmware,
  fullLink,
  message,
  type Options,
  proxyLink,
} from "../../support/dhcp.ts";
import { address, mac, Site } from "../../support/firmware-kinds.ts";

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-ways-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

describe("a loader that does not say that it is one", () => {
  /** An iPXE whose user class nobody knows. */
  const silent: Options = { ...firmware.uefi, [OptionCode.USER_CLASS]: fromText("custom") };

  test("is handed the loader twice, then the script, and the event says so", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    const files: string[] = [];
    for (const waitSeconds of [0, 10, 10]) {
      site.nowMs += waitSeconds * 1000;
      const offer = site.ask(message(silent));
      files.push(offer?.file ?? "");
      site.fetch(offer?.file ?? "");
    }
    const script = `${baseUrl}/${mac}/boot.ipxe`;
    expect(files).toEqual(["ipxe.efi", "ipxe.efi", script]);
    const machine = { mac, address: null, interface: "eth1" };
    const loop = { event: "loader-loop", ...machine, loader: "ipxe.efi", boots: script };
    expect(site.named("loader-loop")).toEqual([loop]);
    // Its REQUEST and port 4011 are told the same.
    const request = { ...message(silent, MessageType.REQUEST), 54: ip4ToBytes("192.168.77.1") };
    expect(site.ask(request)?.file).toBe(script);
    expect(site.ask(message(silent, MessageType.REQUEST), "boot-server")?.file).toBe(script);
    // It fetches the script: all is well, and the next boot begins with the loader.
    const read = { uuid: null, serial: null, generation: null };
    site.keeper.hear({ event: "script", mac, address, ...read });
    site.nowMs += 60_000;
    expect(site.ask(message(silent))?.file).toBe("ipxe.efi");
  });

  test("also where it says that it is iPXE and lacks HTTP", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    const lacking = { ...firmware.ipxe, [OptionCode.IPXE_ENCAPSULATED]: Uint8Array.of(21, 1, 1) };
    const files: string[] = [];
    for (const waitSeconds of [0, 10, 10]) {
      site.nowMs += waitSeconds * 1000;
      files.push(site.ask(message(lacking))?.file ?? "");
      site.fetch("ipxe.efi");
    }
    expect(files).toEqual(["ipxe.efi", "ipxe.efi", `${baseUrl}/${mac}/boot.ipxe`]);
  });

  test("also in mode full, and after UEFI HTTP boot has fetched it first", async () => {
    const site = await new Site(fullLink, dataDir).start();
    const files: string[] = [];
    for (const options of [firmware.uefiHttp, silent, silent, silent]) {
      site.nowMs += 10_000;
      files.push(site.ask(message(options))?.file ?? "");
      if (options === silent) site.fetch("ipxe.efi");
    }
    const own = `${baseUrl}/${mac}`;
    expect(files).toEqual([`${own}/ipxe.efi`, "ipxe.efi", "ipxe.efi", `${own}/boot.ipxe`]);
  });

  test("is not what anybody fetches by a URL with the machine's hardware address", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    site.ask(message(firmware.uefi));
    const file = {
      mac,
      address: "192.168.77.66",
      file: "ipxe.efi",
      protocol: "http",
      bytes: 1,
    } as const;
    for (let i = 0; i < 3; i++) {
      site.keeper.hear({ event: "loader-start", ...file });
      site.keeper.hear({ event: "loader-done", ...file, durationMs: 1, retransmissions: 0 });
    }
    site.nowMs += 5000;
    expect(site.ask(message(firmware.uefi))?.file).toBe("ipxe.efi");
    expect(site.table.of(mac).proven).toBeNull();
  });

  test("is no machine whose iPXE is heard in between", async () => {
    const site = await new Site(proxyLink, dataDir).start();
    for (let boot = 0; boot < 5; boot++) {
      site.nowMs += 60_000;
      expect(site.ask(message(firmware.uefi))?.file).toBe("ipxe.efi");
      site.fetch("ipxe.efi");
      site.nowMs += 5000;
      expect(site.ask(message(firmware.ipxe))?.file).toContain("boot.ipxe");
    }
    expect(site.named("loader-loop")).toEqual([]);
  });
});
