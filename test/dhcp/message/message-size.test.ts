import { describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { encodedLength, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { relayInformation } from "../../../src/dhcp/wire/vendor-options.ts";
import { fromText, u16 } from "../../../src/lib/bytes.ts";
import { handleBootServer } from "../../../src/dhcp/handlers/boot-server.ts";
import {
  askProxy,
  firmware,
  message,
  onlyReply,
  type Options,
  ourAddress,
  packetWith,
  proxyLink,
  requestWith,
  selecting,
} from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

const mac = "52:54:00:00:00:0a";
/** Six options of a hundred bytes each. */
const bulky = [224, 225, 226, 227, 228, 229].map((code) => ({
  code,
  value: new Uint8Array(100).fill(code),
}));

/** A client with much to be given back, that takes 576 bytes. */
const large = { 57: u16(576), 61: new Uint8Array(255).fill(7) };
const plan = { kind: "loader", transport: "tftp", file: "ipxe.efi" } as const;

function offer(options: Options) {
  const reply = new Machine(new FullSite({ options: bulky }), mac, options).discover().reply;
  return {
    bytes: encodePacket(reply ?? packetWith({})).length,
    codes: [...(reply?.options ?? [])],
  };
}

describe("the size of a reply", () => {
  test("is what every client takes when it says nothing (RFC 2132 9.10: 576 bytes with headers)", () => {
    expect(offer({}).bytes).toBeLessThanOrEqual(548);
    expect(offer({}).bytes).toBeGreaterThan(448);
  });

  test.each([
    ["as large as it announces", u16(1000), 972],
    ["never less than 576", u16(300), 548],
    ["an Ethernet frame when it announces more, as EDK2 does", u16(65280), 1472],
    ["576 when the option is malformed", Uint8Array.of(5), 548],
  ])("%s", (_, announced, limit) => {
    const { bytes } = offer({ [OptionCode.MAXIMUM_MESSAGE_SIZE]: announced });
    expect(bytes).toBeLessThanOrEqual(limit);
    expect(bytes).toBeGreaterThan(Math.min(limit, 910) - 102);
  });

  test("leaves room first for what the client asks for, in its order (option 55)", () => {
    const kept = (list: readonly number[]) =>
      offer({ [OptionCode.PARAMETER_REQUEST_LIST]: Uint8Array.from(list) })
        .codes.map(([code]) => code)
        .filter((code) => code >= 224);
    expect(kept([])).toEqual([224, 225]);
    expect(kept([229, 227])).toEqual([229, 227]);
    expect(kept([227, 229, 224])).toEqual([227, 229]);
  });

  test("never costs a boot client its loader, or anybody the lease", () => {
    const { codes, bytes } = offer(firmware.uefi);
    const names = codes.map(([code]) => code);
    for (const code of [53, 54, 51, 58, 59, 1, 43, 66, 67, 97]) expect(names).toContain(code);
    expect(bytes).toBeLessThanOrEqual(548);
    expect(names).not.toContain(52);
  });

  test("lets the loader go before a long client identifier", () => {
    const identifier = { 61: new Uint8Array(255).fill(7) };
    const names = offer({ ...firmware.uefiHttp, ...identifier }).codes.map(([code]) => code);
    for (const code of [53, 54, 43, 60, 66, 67, 97]) expect(names).toContain(code);
    expect(names).not.toContain(61);
    const { codes } = offer({ ...firmware.operatingSystem, ...identifier });
    expect(codes.find(([code]) => code === 61)?.[1]).toEqual(identifier[61]);
  });

  test.each([
    ["the proxy's offer", () => askProxy({ ...message(firmware.uefi), ...large })],
    [
      "the proxy's acknowledgement",
      () => askProxy({ ...selecting(firmware.uefi, ourAddress, "192.168.77.50"), ...large }),
    ],
    [
      "the boot server's",
      () =>
        handleBootServer(requestWith({ ...message(firmware.uefi, 3), ...large }), plan, proxyLink),
    ],
  ])("field fault 16: holds for %s, too", (_, ask) => {
    const reply = onlyReply(ask());
    expect(encodedLength(reply)).toBeLessThanOrEqual(548);
    for (const code of [53, 54, 60, 66, 67, 97]) expect(reply.options.has(code)).toBe(true);
    expect([reply.options.has(61), reply.file]).toEqual([false, "ipxe.efi"]);
  });

  test("counts what a relay's option 82 takes", () => {
    const circuit = relayInformation({ circuitId: new Uint8Array(200).fill(1) });
    const { bytes, codes } = offer({ [OptionCode.RELAY_AGENT_INFORMATION]: circuit });
    expect(codes.find(([code]) => code === 82)?.[1]).toEqual(circuit);
    expect(bytes).toBeLessThanOrEqual(548);
  });
});

test("the length that is reckoned is the length that is encoded", () => {
  for (const length of [0, 1, 254, 255, 256, 510, 511]) {
    const packet = packetWith({ 43: new Uint8Array(length), 224: fromText("x".repeat(80)) });
    expect(encodedLength(packet)).toBe(encodePacket(packet).length);
  }
});
