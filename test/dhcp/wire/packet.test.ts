import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeKeptPacket,
  decodePacket,
  type DhcpPacket,
  encodePacket,
} from "../../../src/dhcp/wire/packet.ts";
import { fixedLengths } from "../../../src/dhcp/wire/option-lengths.ts";
import { optionTable } from "../../../src/dhcp/wire/options.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { concat, fromText } from "../../../src/lib/bytes.ts";
import { DecodeError, InternalError } from "../../../src/lib/errors.ts";
import { firmwareRequests, fromNowhere, packetWith } from "../../support/dhcp.ts";
import { decodeMany, valueOrFault } from "../../support/decoding.ts";
import { withinReason } from "../../support/hang-guard.ts";
import { mutated, type Random, randomBytes } from "../../support/random.ts";
import { cases } from "../../support/cases.ts";

const cookie = Uint8Array.of(0x63, 0x82, 0x53, 0x63);

/** A packet whose option area is exactly these bytes. */
function withOptionArea(...area: readonly number[]): Uint8Array {
  const bytes = encodePacket(packetWith({}));
  return concat([bytes.subarray(0, 240), Uint8Array.from(area)]);
}

describe("decoding any bytes", () => {
  const real = firmwareRequests().map(({ payload }) => payload);
  const seed = Date.now() >>> 0;

  function noise(random: Random): Uint8Array {
    const tail = randomBytes(random, random(400));
    return random(2) === 0 ? tail : concat([randomBytes(random, 236), cookie, tail]);
  }

  function disturbed(random: Random): Uint8Array {
    return mutated(real[random(real.length)] ?? new Uint8Array(), random);
  }

  it.each([
    ["random", noise],
    ["mutated", disturbed],
  ])("gives a packet or a DecodeError of layer dhcp on %s datagrams", (_, make) => {
    const count = cases(100_000);
    const { values, layers } = decodeMany(count, seed, make, decodePacket);
    expect(layers, `with seed ${seed}`).toEqual(["dhcp"]);
    expect(values, `with seed ${seed}`).toBeGreaterThan(10);
    expect(values, `with seed ${seed}`).toBeLessThan(count);
  });
});

describe("encoding", () => {
  const octet = fc.nat(0xff);
  const ip = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
  const name = (limit: number) =>
    fc
      .array(fc.integer({ min: 1, max: 0xff }), { maxLength: limit })
      .map((bytes) => String.fromCharCode(...bytes));
  const packet: fc.Arbitrary<DhcpPacket> = fc.record({
    op: octet,
    htype: octet,
    hops: octet,
    xid: fc.nat(0xffffffff),
    secs: fc.nat(0xffff),
    flags: fc.nat(0xffff),
    ciaddr: ip,
    yiaddr: ip,
    siaddr: ip,
    giaddr: ip,
    chaddr: fc.uint8Array({ maxLength: 16 }),
    sname: name(63),
    file: name(127),
    options: fc
      .array(fc.tuple(fc.integer({ min: 1, max: 254 }), fc.uint8Array({ maxLength: 700 })), {
        maxLength: 12,
      })
      .map((entries) => new Map(entries)),
  });

  it("is undone by decoding", () => {
    fc.assert(
      fc.property(packet, (original) => {
        expect(decodePacket(encodePacket(original))).toEqual(original);
      }),
      { numRuns: cases(1000) },
    );
  });

  it("gives at least 300 bytes, with zeros behind End", () => {
    const bytes = encodePacket(packetWith({ 53: Uint8Array.of(1) }));
    expect(bytes).toHaveLength(300);
    expect([...bytes.subarray(240, 246)]).toEqual([53, 1, 1, 255, 0, 0]);
  });

  it.each([
    [
      "field fault 16: writes option 53 first, 67 behind all others",
      "type-first",
      [53, 1, 97, 211, 67, 82],
    ],
    ["writes all by their codes where SMEE does", "by-code", [1, 53, 67, 97, 211, 82]],
  ] as const)("%s, and 82 last", (_, order, expected) => {
    const one = Uint8Array.of(1);
    const all = packetWith({ 97: one, 82: one, 67: one, 53: one, 211: one, 1: one });
    const bytes = encodePacket(all, order);
    const codes = [240, 243, 246, 249, 252, 255].map((at) => bytes[at]);
    expect(codes).toEqual(expected);
    expect(bytes[258]).toBe(255);
  });

  it("splits a value of more than 255 bytes", () => {
    const bytes = encodePacket(packetWith({ 67: new Uint8Array(256).fill(7) }));
    expect([bytes[240], bytes[241]]).toEqual([67, 255]);
    expect([bytes[497], bytes[498], bytes[499], bytes[500]]).toEqual([67, 1, 7, 255]);
  });

  it.each<[string, Partial<DhcpPacket>]>([
    ["a file of 128 bytes", { file: "x".repeat(128) }],
    ["an sname of 64 bytes", { sname: "x".repeat(64) }],
    ["a character of more than a byte", { file: "ł" }],
    ["a NUL in a name", { sname: "a\0b" }],
    ["an xid of 33 bits", { xid: 0x100000000 }],
    ["a chaddr of 17 bytes", { chaddr: new Uint8Array(17) }],
    ["option 255", { options: new Map([[255, Uint8Array.of(1)]]) }],
    ["option 0", { options: new Map([[0, Uint8Array.of(1)]]) }],
  ])("refuses %s instead of cutting it", (_, changes) => {
    expect(() => encodePacket(packetWith({}, changes))).toThrow(InternalError);
  });
});

describe("decoding", () => {
  it("is the same of a datagram that is kept, without a copy of it", () => {
    for (const { payload } of firmwareRequests()) {
      const kept = decodeKeptPacket(payload, "liberal");
      expect(kept).toEqual(decodePacket(payload));
      expect(kept.chaddr.buffer).toBe(payload.buffer);
      expect(decodePacket(payload).chaddr.buffer).not.toBe(payload.buffer);
    }
  });

  it("reads the requests of real firmware", () => {
    const packets = firmwareRequests().map(({ payload }) => decodePacket(payload));
    expect(packets).toHaveLength(19);
    expect(
      packets.every(({ op, htype, chaddr }) => op === 1 && htype === 1 && chaddr.length === 6),
    ).toBe(true);
  });

  it("joins the parts of a repeated option in their order", () => {
    const area = [60, 3, 80, 88, 69, 53, 1, 1, 60, 2, 33, 34, 255];
    const { options } = decodePacket(withOptionArea(...area));
    expect(options.get(60)).toEqual(fromText('PXE!"'));
  });

  it.each<[string, number, readonly number[], readonly number[]]>([
    ["of one length: the first counts", 53, [53, 1, 1, 53, 1, 3], [1]],
    ["of one length, one of them damaged", 50, [50, 3, 9, 9, 9, 50, 4, 10, 0, 0, 1], [10, 0, 0, 1]],
    ["of one length, really split", 54, [54, 2, 10, 0, 54, 2, 0, 1], [10, 0, 0, 1]],
    [
      "of any length, the same again",
      77,
      [77, 4, 105, 80, 88, 69, 77, 4, 105, 80, 88, 69],
      [105, 80, 88, 69],
    ],
    ["of any length, and goes on", 55, [55, 2, 1, 3, 55, 1, 6], [1, 3, 6]],
  ])("field fault 8: reads an option that was sent twice, %s", (_, code, area, value) => {
    const { options } = decodePacket(withOptionArea(...area, 255));
    expect([...(options.get(code) ?? [])]).toEqual(value);
  });

  it.each([...optionTable.values()])(
    "field fault 8: reads option $code as if it was sent once, where it was sent twice",
    ({ code }) => {
      const value = Array.from({ length: fixedLengths.get(code) ?? 8 }, (_, i) => i + 1);
      const one = [code, value.length, ...value];
      const { options } = decodePacket(withOptionArea(...one, 12, 1, 120, ...one, 255));
      expect([...(options.get(code) ?? [])]).toEqual(code === 12 ? [...value, 120] : value);
    },
  );

  it("keeps a long value whole whose parts are alike, as RFC 3396 splits them", () => {
    const value = new Uint8Array(510).fill(7);
    const long = packetWith({ 43: value, 1: new Uint8Array(259).fill(7) });
    const { options } = decodePacket(encodePacket(long));
    expect([options.get(43)?.length, options.get(1)?.length]).toEqual([510, 259]);
  });

  it.each<[string, readonly number[], readonly number[]]>([
    ["End is missing", [53, 1, 1, 60, 1, 80], [53, 60]],
    ["padding is all that follows", [53, 1, 1, 0, 0], [53]],
    ["the last one has no length", [53, 1, 1, 60], [53]],
    ["the last one is cut in its value", [53, 1, 1, 60, 9, 80], [53]],
    ["there are only pads", [0, 0, 0], []],
  ])("field fault 7: ends with the datagram where %s", (_, area, codes) => {
    expect([...decodePacket(withOptionArea(...area)).options.keys()]).toEqual(codes);
  });

  it.each<[string, readonly number[]]>([
    ["an empty option", [12, 0]],
    ["an option of one byte", [12, 1, 65]],
    ["one that has a fixed length", [54, 0]],
    ["a relay agent's", [82, 0]],
    ["a relay agent's sub-options", [82, 2, 1, 0]],
    ["user classes", [77, 2, 1, 65]],
    ["sub-options of PXE", [43, 2, 6, 0]],
    ["architectures", [93, 2, 0, 7]],
    ["padding", [0]],
  ])("takes time in proportion to the datagram: 64 KiB of %s", (_, option) => {
    const room = 65_507 - 240;
    const area = Array.from({ length: room }, (_byte, at) => option[at % option.length] ?? 0);
    const datagram = withOptionArea(...area.slice(0, room - (room % option.length)));
    withinReason(() => {
      // In square time a single one takes eight seconds.
      for (let time = 0; time < 20; time++) {
        for (const reading of ["liberal", "strict"] as const) {
          void valueOrFault(() => readRequest(decodePacket(datagram, reading), fromNowhere));
        }
      }
    });
    expect(decodePacket(datagram).options.size).toBe(option[0] === 0 ? 0 : 1);
  });

  it("skips padding and ignores what follows End", () => {
    const { options } = decodePacket(withOptionArea(0, 0, 53, 1, 3, 0, 255, 54, 200));
    expect([...options]).toEqual([[53, Uint8Array.of(3)]]);
  });

  it("takes an empty option as present", () => {
    expect(decodePacket(withOptionArea(97, 0, 255)).options.get(97)).toEqual(new Uint8Array());
  });

  it("takes an empty option area as no options", () => {
    expect(decodePacket(withOptionArea()).options.size).toBe(0);
  });

  it("clamps hlen to 16", () => {
    const bytes = withOptionArea(255);
    bytes[2] = 20;
    expect(decodePacket(bytes).chaddr).toHaveLength(16);
  });

  it("cuts sname and file at their first NUL, or takes the whole field", () => {
    const bytes = withOptionArea(255);
    bytes.set(fromText("ab\0cd"), 44);
    bytes.fill(0x78, 108, 236);
    expect(decodePacket(bytes)).toMatchObject({ sname: "ab", file: "x".repeat(128) });
  });

  it("shares no memory with the datagram", () => {
    const bytes = Buffer.from(withOptionArea(61, 2, 1, 2, 255));
    const packet = decodePacket(bytes);
    bytes.fill(0xee);
    expect(packet.options.get(61)).toEqual(Uint8Array.of(1, 2));
    expect(packet.chaddr).toEqual(Uint8Array.of(8, 0, 0x27, 0x29, 0x4e, 0x67));
  });

  it.each([
    ["239 bytes", withOptionArea().subarray(0, 239), /shorter than 240/],
    ["another cookie", withOptionArea(255).fill(0, 236, 240), /cookie/],
    ["nothing", new Uint8Array(), /shorter/],
  ])("refuses %s", (_, bytes, reason) => {
    expect(() => decodePacket(bytes)).toThrow(reason);
    expect(valueOrFault(() => decodePacket(bytes))).toBeInstanceOf(DecodeError);
  });

  it.each([
    ["options without End", withOptionArea(53, 1, 1), /End/],
    ["only padding", withOptionArea(0, 0, 0), /End/],
    ["an option beyond the end", withOptionArea(53, 1, 1, 60, 9, 80), /option 60 runs past/],
    ["a code without a length", withOptionArea(53, 1, 1, 60), /option 60 runs past/],
  ])("refuses %s, read strictly as SMEE does", (_, bytes, reason) => {
    expect(() => decodePacket(bytes, "strict")).toThrow(reason);
    expect(valueOrFault(() => decodePacket(bytes, "strict"))).toBeInstanceOf(DecodeError);
  });

  it("joins whatever is repeated, read strictly as SMEE does", () => {
    const { options } = decodePacket(withOptionArea(53, 1, 1, 53, 1, 1, 255), "strict");
    expect(options.get(53)).toEqual(Uint8Array.of(1, 1));
  });
});
