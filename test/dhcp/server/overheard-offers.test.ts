import { describe, expect, test } from "vitest";
import { OverheardOffers } from "../../../src/dhcp/server/overheard-offers.ts";
import { decodePacket, type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { unbeatableServer } from "../../../src/boot/causes.ts";
import { filledIn } from "../../../src/lib/finding.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { firmware, message, packetWith, requestWith, selecting } from "../../support/dhcp.ts";
import { dhcpOf, labCapture, labScenarios } from "../../support/lab.ts";

/** What a server on the link notices while a captured boot goes on. */
function noticed(name: string): readonly string[] {
  const offers = new OverheardOffers();
  return dhcpOf(labCapture(name)).flatMap(({ payload, source, destination }) => {
    const packet = decodePacket(payload);
    if (destination.port === 68) offers.heard(packet, 0);
    return destination.port === 67 ? (offers.unbeatable(readRequest(packet, source)) ?? []) : [];
  });
}

/** In these the server that gives addresses sends option 60 `PXEClient` and no option 43. */
const unbeatable: Readonly<Record<string, string>> = {
  D_main60_43: "10.0.0.1",
  D2_main60_no43: "10.0.0.1",
  U3_full_60only: "10.0.0.1",
};

test("there are 46 captured boots", () => {
  expect(labScenarios).toHaveLength(46);
});

describe("the server that no proxy can win against", () => {
  test.each(labScenarios)(
    "is named in the boots where there is one, and in no other: %s",
    (name) => {
      const server = unbeatable[name];
      expect(new Set(noticed(name))).toEqual(new Set(server === undefined ? [] : [server]));
    },
  );

  test("is told with its cause and what to do", () => {
    const { cause, remedy } = filledIn(unbeatableServer, {
      server: "10.0.0.1",
      proxies: "eim-pxe",
    });
    expect(cause).toMatch(/10\.0\.0\.1 sends option 60 PXEClient .* no option 43/);
    expect(remedy).toContain("remove option 60");
  });
});

const server = "192.168.77.2";
const address = "192.168.77.50";

function offer(changes: Partial<DhcpPacket> = {}, type: number = MessageType.OFFER): DhcpPacket {
  const options = { 53: Uint8Array.of(type), 54: ip4ToBytes(server), 60: Buffer.from("PXEClient") };
  return packetWith(options, { op: 2, yiaddr: address, ...changes });
}

describe("an offer that is overheard", () => {
  const taken = requestWith(selecting(firmware.uefi, server, address));

  test("counts for the machine and the transaction that it is for", () => {
    const offers = new OverheardOffers();
    offers.heard(offer(), 0);
    expect(offers.unbeatable(taken)).toBe(server);
    const other = selecting(firmware.uefi, server, address);
    expect(offers.unbeatable(requestWith(other, { xid: 7 }))).toBeNull();
    const chaddr = Uint8Array.of(2, 0, 0, 0, 0, 1);
    expect(offers.unbeatable(requestWith(other, { chaddr }))).toBeNull();
  });

  test.each([
    ["taken from another server", selecting(firmware.uefi, "192.168.77.9", address)],
    ["taken by iPXE", selecting(firmware.ipxe, server, address)],
    ["taken by an operating system", selecting(firmware.operatingSystem, server, address)],
    ["taken for UEFI HTTP boot", selecting(firmware.uefiHttp, server, address)],
    ["not taken", message(firmware.uefi)],
  ])("means nothing when it is %s", (_, options) => {
    const offers = new OverheardOffers();
    offers.heard(offer(), 0);
    expect(offers.unbeatable(requestWith(options))).toBeNull();
  });

  test.each([
    ["an acknowledgement", offer({}, MessageType.ACK)],
    ["a request", offer({ op: 1 })],
    ["an offer of another server without option 60 as well", null],
  ])("is none when it is %s", (_, packet) => {
    const offers = new OverheardOffers();
    if (packet === null) {
      offers.heard(offer(), 0);
      const options = { 53: Uint8Array.of(MessageType.OFFER), 54: ip4ToBytes("192.168.77.9") };
      offers.heard(packetWith(options, { op: 2, yiaddr: "192.168.77.60" }), 0);
    } else offers.heard(packet, 0);
    expect(offers.unbeatable(taken)).toBeNull();
  });

  test("is forgotten when a thousand machines came after it", () => {
    const offers = new OverheardOffers();
    offers.heard(offer(), 0);
    for (let i = 0; i < 1024; i++) {
      offers.heard(offer({ chaddr: Uint8Array.of(2, 0, 0, 0, i >> 8, i & 255) }), 0);
    }
    expect(offers.unbeatable(taken)).toBeNull();
  });

  test("tells when its machine was last offered an address", () => {
    const offers = new OverheardOffers();
    const asks = requestWith(message(firmware.uefi));
    expect(offers.addressOfferedAtMs(asks)).toBe(0);
    offers.heard(offer({ yiaddr: "0.0.0.0" }), 5);
    expect(offers.addressOfferedAtMs(asks)).toBe(0);
    offers.heard(offer({ xid: 7 }), 10);
    expect(offers.addressOfferedAtMs(asks)).toBe(10);
  });

  test.each([
    ["goes to a relay agent", { giaddr: "10.1.0.1" }],
    ["is not asked to be broadcast", { flags: 0 }],
  ])("tells nothing of a machine whose offer %s", (_, changes) => {
    const asks = requestWith(message(firmware.uefi), changes);
    expect(new OverheardOffers().addressOfferedAtMs(asks)).toBeNull();
  });
});

describe("what others offer a machine that boots", () => {
  const discover = requestWith(message(firmware.uefi));
  const own = { address: "192.168.77.1" };

  test("is of interest where the machine asked to boot", () => {
    const offers = new OverheardOffers();
    expect(offers.competing(offer(), own)).toBeNull();
    offers.asked(requestWith(message(firmware.operatingSystem)));
    expect(offers.competing(offer(), own)).toBeNull();
    offers.asked(discover);
    expect(offers.competing(offer(), own)).toMatchObject({ server, address, pxe: true });
    expect(offers.competing(offer({ yiaddr: "0.0.0.0" }), own)).toMatchObject({ address: null });
  });

  test("leaves out our own offers, and what is no offer", () => {
    const offers = new OverheardOffers();
    offers.asked(discover);
    expect(offers.competing(offer(), { address: server })).toBeNull();
    expect(offers.competing(offer(), { ...own, advertised: server })).toBeNull();
    expect(offers.competing(offer({}, MessageType.ACK), own)).toBeNull();
  });
});
