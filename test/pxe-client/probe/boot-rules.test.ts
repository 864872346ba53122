import { describe, expect, it } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { whyAskedInVain, whyOutOfReach } from "../../../src/pxe-client/probe/boot-rules.ts";
import type { Firmware } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { readOffer } from "../../../src/pxe-client/wire/offers.ts";
import { message, packetWith } from "../../support/dhcp.ts";

const server = "10.0.0.1";
const mask = { 1: ip4ToBytes("255.255.255.0") };
const router = { 3: ip4ToBytes(server) };
const pxe = { 60: fromText("PXEClient") };

function offer(options: Readonly<Record<number, Uint8Array>>, yiaddr = "10.0.0.60") {
  const all = { [OptionCode.SERVER_IDENTIFIER]: ip4ToBytes(server), ...options };
  return readOffer(packetWith(message(all, 2), { op: 2, yiaddr }), server);
}

function offered(firmware: Firmware, ...offers: readonly ReturnType<typeof offer>[]) {
  return { mac: "02:00:00:00:00:01", firmware, offers };
}

/** 43.6, and what it needs where that is there. */
const menu = (control: number, ...more: readonly (readonly [number, Uint8Array])[]) =>
  Uint8Array.from([
    6,
    1,
    control,
    ...more.flatMap(([tag, value]) => [tag, value.length, ...value]),
    255,
  ]);

describe("why firmware asked a boot server in vain, by the rows of a boot's timeline", () => {
  it("is a boot menu that lacks what it needs", () => {
    const asked = offer({ ...pxe, 43: menu(7) });
    expect(whyAskedInVain(offered("uefi", asked), asked)).toMatchObject({
      code: "broken-boot-menu",
      cause: expect.stringContaining("10.0.0.1 offers this machine a boot menu"),
    });
  });

  it("is an address server that sends a whole one itself", () => {
    const whole = menu(0, [9, Uint8Array.of(0, 1, 1, 65)], [10, Uint8Array.of(0, 65)]);
    const asked = offer({ ...pxe, 43: whole });
    expect(whyAskedInVain(offered("uefi", asked), asked)).toMatchObject({
      code: "preferred-boot-server",
    });
  });

  it("is not told of a proxy's whole offer, nor of one without a menu", () => {
    const proxy = offer({ ...pxe, 43: menu(8), 67: fromText("x.efi") }, "0.0.0.0");
    expect(whyAskedInVain(offered("uefi", proxy), proxy)).toBeNull();
    const old = offer(pxe);
    expect(whyAskedInVain(offered("bios", old), old)).toBeNull();
  });
});

describe("whether a machine gets from its address to the server of its loader", () => {
  const proxyServer = "192.168.77.1";

  it.each<[string, boolean, ReturnType<typeof offer>]>([
    ["another network and no router", false, offer(mask)],
    ["another network and a router", true, offer({ ...mask, ...router })],
    ["the server's network", true, offer(mask, "192.168.77.60")],
    ["a network that is not told", true, offer({})],
  ])("with an address of %s: %s", (_, reaches, address) => {
    const found = whyOutOfReach(offered("uefi", address), proxyServer);
    expect(found?.code ?? null).toBe(reaches ? null : "server-out-of-reach");
  });

  it("with one good address of two it does", () => {
    const both = offered("bios", offer(mask), offer({ ...mask, ...router }));
    expect(whyOutOfReach(both, proxyServer)).toBeNull();
  });
});
