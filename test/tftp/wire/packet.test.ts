import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concat, fromText } from "../../../src/lib/bytes.ts";
import { DecodeError, InternalError } from "../../../src/lib/errors.ts";
import { decodePacket, encodePacket, type TftpPacket } from "../../../src/tftp/wire/packet.ts";
import { decodeMany, valueOrFault } from "../../support/decoding.ts";
import { mutated, type Random, randomBytes } from "../../support/random.ts";
import { firmwareTftp, optionsOf } from "../../support/tftp.ts";
import { cases } from "../../support/cases.ts";

/** A payload from its opcode and strings, each ended by a NUL. */
function strings(opcode: number, ...texts: readonly string[]): Uint8Array {
  const parts = texts.map((text) => concat([fromText(text), Uint8Array.of(0)]));
  return concat([Uint8Array.of(0, opcode), ...parts]);
}

const text = fc
  .array(fc.integer({ min: 1, max: 0xff }), { maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes));
const lowerCase = text.map((name) => name.toLowerCase());
const optionList = fc
  .array(
    fc.tuple(
      lowerCase.filter((name) => name !== ""),
      text,
    ),
    { maxLength: 8 },
  )
  .map((entries) => new Map(entries));
const u16 = fc.nat(0xffff);
const anyPacket: fc.Arbitrary<TftpPacket> = fc.oneof(
  fc.record({
    opcode: fc.constantFrom("rrq" as const, "wrq" as const),
    filename: text,
    mode: lowerCase,
    options: optionList,
  }),
  fc.record({
    opcode: fc.constant("data" as const),
    block: u16,
    data: fc.uint8Array({ maxLength: 1500 }),
  }),
  fc.record({ opcode: fc.constant("ack" as const), block: u16 }),
  fc.record({ opcode: fc.constant("error" as const), code: u16, message: text }),
  fc.record({ opcode: fc.constant("oack" as const), options: optionList }),
);

describe("decoding any bytes", () => {
  const real = [
    ...firmwareTftp().map(({ payload }) => payload),
    encodePacket({ opcode: "data", block: 7, data: new Uint8Array(40) }),
    encodePacket({ opcode: "error", code: 1, message: "file not found" }),
  ];
  const seed = Date.now() >>> 0;

  function noise(random: Random): Uint8Array {
    const tail = randomBytes(random, random(80));
    return random(2) === 0 ? tail : concat([Uint8Array.of(0, random(8)), tail]);
  }

  function disturbed(random: Random): Uint8Array {
    return mutated(real[random(real.length)] ?? new Uint8Array(), random);
  }

  it.each([
    ["random", noise],
    ["mutated", disturbed],
  ])("gives a packet or a DecodeError of layer tftp on %s datagrams", (_, make) => {
    const count = cases(100_000);
    const { values, layers } = decodeMany(count, seed, make, decodePacket);
    expect(layers, `with seed ${seed}`).toEqual(["tftp"]);
    expect(values, `with seed ${seed}`).toBeGreaterThan(100);
    expect(values, `with seed ${seed}`).toBeLessThan(count);
  });
});

describe("encoding", () => {
  it("is undone by decoding", () => {
    fc.assert(
      fc.property(anyPacket, (packet) => {
        expect(decodePacket(encodePacket(packet))).toEqual(packet);
      }),
      { numRuns: cases(2000) },
    );
  });

  it("gives back every byte of what firmware sent", () => {
    for (const { payload } of firmwareTftp()) {
      expect(encodePacket(decodePacket(payload))).toEqual(Uint8Array.from(payload));
    }
  });

  it("refuses what no packet can carry", () => {
    const options = new Map([["", "1"]]);
    const wrong: TftpPacket[] = [
      { opcode: "ack", block: 65_536 },
      { opcode: "ack", block: -1 },
      { opcode: "data", block: 0.5, data: new Uint8Array() },
      { opcode: "error", code: 0, message: "a\0b" },
      { opcode: "rrq", filename: "\u0100", mode: "octet", options: new Map() },
      { opcode: "oack", options },
    ];
    for (const packet of wrong) expect(() => encodePacket(packet)).toThrow(InternalError);
  });
});

describe("decoding a request", () => {
  it("reads the size probe of EDK2", () => {
    const [probe] = firmwareTftp();
    expect(decodePacket(probe?.payload ?? new Uint8Array())).toEqual({
      opcode: "rrq",
      filename: "boot.efi",
      mode: "octet",
      options: optionsOf({ tsize: 0, blksize: 1468, windowsize: 4 }),
    });
  });

  it("takes mode and option names in any case and keeps the case of values", () => {
    expect(decodePacket(strings(2, "A.efi", "OcTeT", "BLKSIZE", "1468", "X", "Yz"))).toEqual({
      opcode: "wrq",
      filename: "A.efi",
      mode: "octet",
      options: optionsOf({ blksize: 1468, x: "Yz" }),
    });
  });

  it("keeps the first of options that are repeated", () => {
    const bytes = strings(1, "a", "octet", "blksize", "1468", "BlkSize", "8");
    expect(decodePacket(bytes)).toMatchObject({ options: optionsOf({ blksize: 1468 }) });
  });

  it("ignores padding and an unfinished pair behind the options", () => {
    const whole = strings(1, "a", "octet", "blksize", "1468");
    const expected = decodePacket(whole);
    expect(decodePacket(concat([whole, new Uint8Array(100)]))).toEqual(expected);
    expect(decodePacket(concat([whole, fromText("tsize")]))).toEqual(expected);
    expect(decodePacket(concat([whole, fromText("tsize\0"), fromText("0")]))).toEqual(expected);
  });

  it("keeps every byte of the name that is not NUL", () => {
    const bytes = concat([strings(1), Uint8Array.of(0x61, 0xff, 0x11, 0), fromText("octet\0")]);
    expect(decodePacket(bytes)).toMatchObject({ filename: "a\xff\x11" });
  });

  it.each([
    ["nothing", new Uint8Array(), 0],
    ["half an opcode", Uint8Array.of(0), 1],
    ["an unknown opcode", Uint8Array.of(0, 9, 0, 0), 0],
    ["opcode 0", Uint8Array.of(0, 0, 0, 1), 0],
    ["a name without end", Uint8Array.of(0, 1, 0x61), 2],
    ["a mode without end", Uint8Array.of(0, 1, 0x61, 0, 0x6f), 4],
    ["no mode", Uint8Array.of(0, 1, 0x61, 0), 4],
    ["an ACK without block", Uint8Array.of(0, 4, 1), 3],
    ["DATA without block", Uint8Array.of(0, 3), 2],
  ])("says where the fault is in %s", (_, bytes, offset) => {
    const fault = valueOrFault(() => decodePacket(bytes));
    expect(fault).toBeInstanceOf(DecodeError);
    expect(fault).toMatchObject({ layer: "tftp", offset });
  });

  it("accepts an ERROR whose message has no end, and an ACK with bytes behind it", () => {
    expect(decodePacket(concat([Uint8Array.of(0, 5, 0, 8), fromText("bye")]))).toEqual({
      opcode: "error",
      code: 8,
      message: "bye",
    });
    expect(decodePacket(Uint8Array.of(0, 4, 1, 2, 0, 0))).toEqual({ opcode: "ack", block: 258 });
  });
});
