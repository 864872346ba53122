import { describe, expect, test } from "vitest";
import type { PxeEvent } from "../../src/events/types.ts";
import { type Beat, say, siteServer } from "../support/boot-story.ts";
import { saidOf } from "../support/failing-boots.ts";

/*
 * Field fault 14: in proxy mode, what was overheard on UDP 68 of other servers' offers is in the diagnosis.
 */

const url = "http://192.168.77.1:8080/x/ipxe.efi";
const preferred = `the DHCP server ${siteServer} sends options 60 PXEClient and 43`;

interface Firmware {
  readonly name: string;
  readonly asks: PxeEvent;
  readonly offer: PxeEvent;
  readonly speaksHttp: boolean;
}

const firmwares: readonly Firmware[] = [
  { name: "BIOS", asks: say.bios(), offer: say.offer("undionly.kpxe"), speaksHttp: false },
  { name: "UEFI", asks: say.discover(), offer: say.offer(), speaksHttp: false },
  { name: "UEFI HTTP", asks: say.uefiHttp(), offer: say.offer(url), speaksHttp: true },
];

describe.each(firmwares)("field fault 14: $name firmware that goes no further", (firmware) => {
  const asked: readonly Beat[] = [
    [0, firmware.asks],
    [0, firmware.offer],
  ];

  test("to which no server offered an address is told so", () => {
    const said = saidOf(asked);
    expect(said?.code).toBe("no-address");
    expect(said?.remedy).toContain("start the site's DHCP server");
  });

  test("is not told that nobody offers an address where that cannot be heard", () => {
    const deaf: PxeEvent = { event: "offers-unheard", interface: "eth1", reason: "port in use" };
    expect(saidOf(asked, [deaf])?.code).not.toBe("no-address");
  });

  test("is told of TFTP only where it loads by that", () => {
    const plain: readonly Beat[] = [...asked, [1, say.competing()]];
    const said = [plain, [...plain, [2, say.address()] as const]].map((beats) => saidOf(beats));
    const texts = said.map((one) => `${one?.cause} ${one?.remedy}`).join(" ");
    expect(/TFTP|UDP port 69/.test(texts)).toBe(!firmware.speaksHttp);
  });

  test("beside a server with options 60 and 43 is told which server it prefers", () => {
    const said = saidOf([...asked, [1, say.competing({ pxe: true, discovery: true })]]);
    expect(said?.cause.startsWith(preferred)).toBe(!firmware.speaksHttp);
  });
});
