import { describe, expect, test } from "vitest";
import { readCompetingOffer as read } from "../../../src/dhcp/message/competing-offer.ts";
import { type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { pxeVendorOptions, type PxeVendorOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { type Options, packetWith } from "../../support/dhcp.ts";

const server = "192.168.77.2";
const listed = { type: 0x8001, addresses: [server] };
const item = { type: 0x8001, text: "Boot" };
const prompt = { timeoutSeconds: 0, text: "Boot" };

function offer(more: Options = {}, changes: Partial<DhcpPacket> = {}): DhcpPacket {
  const options = { 53: Uint8Array.of(MessageType.OFFER), 54: ip4ToBytes(server), ...more };
  return packetWith(options, { op: 2, yiaddr: "192.168.77.50", ...changes });
}

const own = "192.168.77.1";
const readOffer = (packet: DhcpPacket) => read(packet, own);

function lackingIn(vendor: Partial<PxeVendorOptions>, changes: Partial<DhcpPacket> = {}) {
  return readOffer(offer({ 43: pxeVendorOptions(vendor) }, changes))?.lacks;
}

describe("another server's offer", () => {
  test("is an address, a proxy's word, or nothing", () => {
    const pxe = { 60: fromText("PXEClient") };
    expect(readOffer(offer())).toEqual({
      server,
      address: "192.168.77.50",
      network: null,
      reachesUs: true,
      pxe: false,
      bootFile: false,
      discovery: false,
      lacks: [],
    });
    expect(readOffer(offer(pxe, { yiaddr: "0.0.0.0", file: "x" }))).toMatchObject({
      address: null,
      pxe: true,
      bootFile: true,
    });
    expect(readOffer(offer({ 67: fromText("x") }))?.bootFile).toBe(true);
    expect(readOffer(offer({ 53: Uint8Array.of(MessageType.ACK) }))).toBeNull();
    expect(readOffer(offer({}, { op: 1 }))).toBeNull();
    expect(readOffer(packetWith({ 53: Uint8Array.of(2) }, { op: 2 }))).toBeNull();
  });

  test("lacks what its discovery control needs", () => {
    expect(lackingIn({ discoveryControl: 3, bootMenu: [item], menuPrompt: prompt })).toEqual([
      "43.8",
    ]);
    expect(lackingIn({ discoveryControl: 4 })).toEqual(["43.8", "43.9", "43.10"]);
    expect(lackingIn({ discoveryControl: 0, bootMenu: [item] })).toEqual(["43.10"]);
    expect(lackingIn({ discoveryControl: 8 })).toEqual(["43.9", "43.10"]);
  });

  test("lacks nothing where it is whole, says to load its file, or has no discovery control", () => {
    const whole = { bootServers: [listed], bootMenu: [item], menuPrompt: prompt };
    expect(lackingIn({ discoveryControl: 7, ...whole })).toEqual([]);
    expect(lackingIn({ discoveryControl: 8 }, { file: "ipxe.efi" })).toEqual([]);
    expect(lackingIn({ bootMenu: [item] })).toEqual([]);
  });

  test("with an option 43 that is cut short says nothing of boot servers", () => {
    const cut = readOffer(offer({ 43: Uint8Array.of(6, 9, 8) }));
    expect(cut).toMatchObject({ discovery: false, lacks: [] });
  });

  test("leads to us from our own network, or by a router", () => {
    const mask = { 1: ip4ToBytes("255.255.255.0") };
    const elsewhere = { yiaddr: "10.9.9.100" };
    const router = { 3: ip4ToBytes("10.9.9.1") };
    const found = (options: Options, changes: Partial<DhcpPacket> = {}) => {
      const { network = null, reachesUs = null } = readOffer(offer(options, changes)) ?? {};
      return [network, reachesUs];
    };
    expect(found(mask)).toEqual(["192.168.77.0/24", true]);
    expect(found(mask, elsewhere)).toEqual(["10.9.9.0/24", false]);
    expect(found({ ...mask, ...router }, elsewhere)).toEqual(["10.9.9.0/24", true]);
    // An empty router option is none; without a mask, or with one that is none, nothing is said.
    expect(found({ ...mask, 3: new Uint8Array() }, elsewhere)).toEqual(["10.9.9.0/24", false]);
    expect(found({}, elsewhere)).toEqual([null, true]);
    expect(found({ 1: ip4ToBytes("255.0.255.0") }, elsewhere)).toEqual([null, true]);
    expect(found(mask, { yiaddr: "0.0.0.0" })).toEqual([null, true]);
  });
});
