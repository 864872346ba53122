import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { firmware, fullLink, message, proxyLink } from "../../support/dhcp.ts";
import { address, mac, Site } from "../../support/firmware-kinds.ts";
import { nodeEntry } from "../../support/node-entry.ts";

/* A loader that is fetched and says nothing, played by the frames of a machine's firmware. */

let dataDir = "";
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-loaders-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const siblings = new Map([
  ["ipxe.efi", ["snponly.efi"]],
  ["snponly.efi", ["ipxe.efi"]],
]);

/** It is switched on some minutes later, and fetches what it is told; gives the file's name. */
function boot(site: Site): string {
  site.nowMs += 5 * 60_000;
  const file = site.ask(message(firmware.uefi))?.file ?? "";
  site.fetch(file);
  return file;
}

describe.each([
  ["proxy", proxyLink],
  ["full", fullLink],
])("a loader that stays silent, in mode %s", (_mode, link) => {
  test("twice is followed by its sibling, which is kept over a restart once it ran", async () => {
    const site = await new Site(link, dataDir, { siblings }).start();
    expect([boot(site), boot(site), boot(site)]).toEqual(["ipxe.efi", "ipxe.efi", "snponly.efi"]);
    expect(site.named("loader-changed")).toEqual([
      expect.objectContaining({ mac, loader: "snponly.efi", insteadOf: "ipxe.efi" }),
    ]);
    site.nowMs += 5000;
    expect(site.ask(message(firmware.ipxe))?.file).toContain("boot.ipxe");
    expect(site.named("loader-learnt")).toHaveLength(1);
    await site.memory.close();

    const later = await new Site(link, dataDir, { siblings }).start();
    later.nowMs = site.nowMs;
    expect(boot(later)).toBe("snponly.efi");
    expect(later.named("loader-changed")).toEqual([]);
  });
});

describe("a loader that stays silent", () => {
  test("is replaced in the REQUEST and on port 4011 as in the offer", async () => {
    const site = await new Site(proxyLink, dataDir, { siblings }).start();
    boot(site);
    boot(site);
    expect(site.ask(message(firmware.uefi))?.file).toBe("snponly.efi");
    const request = {
      ...message(firmware.uefi, MessageType.REQUEST),
      54: ip4ToBytes("192.168.77.1"),
    };
    expect(site.ask(request)?.file).toBe("snponly.efi");
    expect(site.ask(message(firmware.uefi, MessageType.REQUEST), "boot-server")?.file).toBe(
      "snponly.efi",
    );
  });

  test("within seconds, as where Secure Boot refuses it, is followed by its sibling, too", async () => {
    const site = await new Site(proxyLink, dataDir, { siblings }).start();
    const files: string[] = [];
    for (let n = 0; n < 6; n++) {
      site.nowMs += 10_000;
      files.push(site.ask(message(firmware.uefi))?.file ?? "");
      site.fetch(files.at(-1) ?? "");
    }
    const [first, second] = ["ipxe.efi", "snponly.efi"];
    // Where neither runs it is not the loader.
    expect(files).toEqual([first, first, second, second, first, first]);
  });

  test("is not replaced where there is no sibling, or the node has a loader of its own", async () => {
    const none = await new Site(proxyLink, dataDir).start();
    expect([boot(none), boot(none), boot(none)]).toEqual(["ipxe.efi", "ipxe.efi", "ipxe.efi"]);
    const node = nodeEntry({ mac, loader: "ipxe.efi" });
    const own = await new Site(proxyLink, dataDir, { siblings, node }).start();
    expect([boot(own), boot(own), boot(own)]).toEqual(["ipxe.efi", "ipxe.efi", "ipxe.efi"]);
    expect(own.named("loader-changed")).toEqual([]);
  });

  test("is none that says its user class, although nobody knows that", async () => {
    const site = await new Site(proxyLink, dataDir, { siblings }).start();
    const custom = { ...firmware.uefi, [OptionCode.USER_CLASS]: fromText("custom") };
    for (let n = 0; n < 3; n++) {
      expect(boot(site)).toBe("ipxe.efi");
      site.nowMs += 5000;
      site.ask(message(custom));
    }
  });

  test("is forgotten by nodes forget, on the disk as well", async () => {
    const site = await new Site(proxyLink, dataDir, { siblings }).start();
    for (let n = 0; n < 3; n++) boot(site);
    site.memory.hear({ event: "autoexec", mac, address, file: "autoexec.ipxe", protocol: "tftp" });
    expect(boot(site)).toBe("snponly.efi");
    site.memory.forget(mac);
    expect(boot(site)).toBe("ipxe.efi");
    await site.memory.close();
    expect(JSON.parse(readFileSync(join(dataDir, "loaders.json"), "utf8"))).toEqual({
      machines: [],
    });
  });
});

describe("a loader that stays silent behind a router", () => {
  const relay = { giaddr: "192.168.77.254" };
  /** To the site's own server, and by the relay agent to this one. */
  const takesAddress = (site: Site) => {
    const options = { 50: ip4ToBytes(address), 54: ip4ToBytes("192.168.77.2") };
    const request = { ...message(firmware.uefi, MessageType.REQUEST), ...options };
    expect(site.ask(request, "server", relay)).toBeNull();
    for (const event of site.named("address-learned")) {
      if ("mac" in event && event.mac !== null) site.owners.set(event.address ?? "", event.mac);
    }
  };

  test("is known by the REQUEST that the relay agent forwards, and not where it forwards none", async () => {
    for (const forwards of [false, true]) {
      const site = await new Site(proxyLink, dataDir, { siblings }).start();
      site.owners.clear();
      const files = [1, 2, 3].map(() => {
        const file = site.ask(message(firmware.uefi), "server", relay)?.file ?? "";
        if (forwards) takesAddress(site);
        site.fetch(file);
        site.nowMs += 5 * 60_000;
        return file;
      });
      expect(files).toEqual(["ipxe.efi", "ipxe.efi", forwards ? "snponly.efi" : "ipxe.efi"]);
    }
  });
});

describe("the file with the loaders that run", () => {
  test("of which an entry is spoilt keeps the others", async () => {
    const kept = {
      mac,
      loader: "snponly.efi",
      insteadOf: "ipxe.efi",
      since: "2026-11-25T10:00:00.000Z",
    };
    const machines = [{ ...kept, mac: "x" }, { mac }, 7, kept];
    writeFileSync(join(dataDir, "loaders.json"), JSON.stringify({ machines }));
    const site = await new Site(proxyLink, dataDir, { siblings }).start();
    expect(boot(site)).toBe("snponly.efi");
    expect(site.named("ways-unread")).toEqual([]);
  });

  test("that is damaged is reported, and machines boot all the same", async () => {
    writeFileSync(join(dataDir, "loaders.json"), "{");
    const site = await new Site(proxyLink, dataDir, { siblings }).start();
    expect(site.named("ways-unread")).toEqual([
      { event: "ways-unread", reason: expect.stringMatching(/^loaders\.json: /) },
    ]);
    expect(boot(site)).toBe("ipxe.efi");
  });
});
