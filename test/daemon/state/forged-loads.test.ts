import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firmware, message, proxyLink } from "../../support/dhcp.ts";
import { address, type Fetch, mac, Site } from "../../support/firmware-kinds.ts";

/*
 * Field fault 47: anybody can write a machine's hardware address into a URL, or into a file name by TFTP. What is
 * learnt of its firmware comes from its own address.
 */

const stranger = "192.168.77.66";
const strangerMac = "08:00:27:00:00:66";
const siblings = new Map([
  ["ipxe.efi", ["snponly.efi"]],
  ["snponly.efi", ["ipxe.efi"]],
]);

let dataDir = "";
let site: Site;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-forged-"));
  site = await new Site(proxyLink, dataDir, { siblings }).start();
  site.neighbours.set(stranger, strangerMac);
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

/** What the machine is offered now. */
function offered(): string {
  site.nowMs += 5 * 60_000;
  return site.ask(message(firmware.uefi))?.file ?? "";
}

/** Twice the loader that the machine is offered is fetched, and nothing is heard then; the third offer. */
function afterTwo(by: Fetch): string {
  for (let n = 0; n < 2; n++) site.fetch(offered(), by);
  return offered();
}

describe("field fault 47: a machine's loader", () => {
  test.each([
    ["http", "whose owner the table of neighbours knows", stranger],
    ["tftp", "whose owner the table of neighbours knows", stranger],
    ["http", "that nobody knows", "10.9.9.9"],
    ["tftp", "that nobody knows", "10.9.9.9"],
  ] as const)("is not changed by who fetches it by %s from an address %s", (protocol, _, from) => {
    expect(afterTwo({ protocol, machine: { address: from } })).toBe("ipxe.efi");
    expect(site.table.of(mac).proven).toBeNull();
  });

  test.each(["tftp", "http"] as const)(
    "is changed where DHCP tells its address, by %s",
    (protocol) => {
      expect(afterTwo({ protocol })).toBe("snponly.efi");
    },
  );

  test.each([mac, null])(
    "is changed where no REQUEST was overheard and the neighbours tell whose address it is: named %s",
    (named) => {
      site.owners.clear();
      site.neighbours.set(address, mac);
      expect(afterTwo({ machine: { mac: named } })).toBe("snponly.efi");
      expect(site.table.of(mac).proven?.style).toBe("direct");
    },
  );

  test.each(["script", "autoexec"] as const)(
    "is not taken to run since a stranger asks for its %s",
    (event) => {
      const asked = {
        script: { event: "script", uuid: null, serial: null, generation: null },
        autoexec: { event: "autoexec", file: "autoexec.ipxe", protocol: "http" },
      } as const;
      site.fetch(offered());
      site.fetch(offered());
      site.memory.hear({ ...asked[event], mac, address: stranger });
      expect(offered()).toBe("snponly.efi");
      site.memory.hear({ ...asked[event], mac, address });
      expect(offered()).toBe("ipxe.efi");
    },
  );
});
