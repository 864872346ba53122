import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeOption,
  encodeOption,
  formatOption,
  optionName,
  optionTable,
  optionType,
} from "../../../src/dhcp/wire/options.ts";
import type { OptionType, OptionValue } from "../../../src/dhcp/wire/option-values.ts";
import { concat, fromHex, fromText } from "../../../src/lib/bytes.ts";
import { DecodeError, InternalError } from "../../../src/lib/errors.ts";
import { subnetOf } from "../../../src/lib/ip4.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { cases } from "../../support/cases.ts";

const octet = fc.nat(0xff);
const ip = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const some = <T>(of: fc.Arbitrary<T>) => fc.array(of, { minLength: 1, maxLength: 8 });
const text = fc.string({ unit: "grapheme", minLength: 1 }).filter((one) => !one.includes("\0"));
const label = fc.stringMatching(/^[a-z0-9-]{1,20}$/);

const values: { readonly [Type in OptionType]: fc.Arbitrary<OptionValue & { type: Type }> } = {
  ip: tagged("ip", ip),
  ips: tagged("ips", some(ip)),
  "ip-pairs": tagged("ip-pairs", some(fc.tuple(ip, ip))),
  u8: tagged("u8", octet),
  u16: tagged("u16", fc.nat(0xffff)),
  u16s: tagged("u16s", some(fc.nat(0xffff))),
  u32: tagged("u32", fc.nat(0xffffffff)),
  i32: tagged("i32", fc.integer({ min: -0x80000000, max: 0x7fffffff })),
  flag: tagged("flag", fc.boolean()),
  text: tagged("text", text),
  bytes: tagged("bytes", fc.uint8Array()),
  "message-type": tagged("message-type", octet),
  codes: tagged("codes", some(octet)),
  routes: tagged(
    "routes",
    some(
      fc
        .record({ network: ip, prefixLength: fc.nat(32), via: ip })
        .map((route) => ({ ...route, ...subnetOf(route.network, route.prefixLength) })),
    ),
  ),
  domains: tagged("domains", some(some(label).map((labels) => labels.join(".")))),
  "user-class": tagged("user-class", some(fc.stringMatching(/^[ -~]{1,40}$/))),
  "client-id": tagged(
    "client-id",
    fc.record({ hardwareType: octet, identifier: fc.uint8Array({ minLength: 1 }) }),
  ),
};

function tagged<Type, Value>(type: Type, value: fc.Arbitrary<Value>) {
  return value.map((one) => ({ type, value: one }));
}

const codes = [...optionTable.keys()];

function decoded(code: number, hex: string): unknown {
  return decodeOption(code, fromHex(hex) ?? new Uint8Array()).value;
}

describe("the option table", () => {
  it("has one row for each code, named and sourced", () => {
    expect(codes).toEqual([...new Set(codes)].toSorted((a, b) => a - b));
    for (const row of optionTable.values()) {
      expect(row.name).not.toBe("");
      expect(row.source).toMatch(/^(RFC \d+|ipxe\.org)/);
    }
  });

  it("covers RFC 2132 and the options of network boot", () => {
    const rfc2132 = Array.from({ length: 76 }, (_, i) => i + 1).filter((n) => n < 62 || n > 63);
    const others = [77, 82, 93, 94, 97, 114, 116, 118, 119, 121, 150, 175, 208, 209, 210, 211];
    expect(codes).toEqual([...rfc2132, ...others]);
  });

  it("takes options without a row as bytes", () => {
    expect([optionType(224), optionName(224)]).toEqual(["bytes", "option 224"]);
    expect(decoded(224, "")).toEqual(new Uint8Array());
  });
});

describe("every option", () => {
  it.each(codes)("%i decodes to the value that was encoded", (code) => {
    fc.assert(
      fc.property(values[optionType(code)], (value) => {
        const bytes = encodeOption(code, value);
        expect(decodeOption(code, bytes)).toEqual(value);
        expect(formatOption(code, bytes)).toMatch(/^[ -~…]*$/);
      }),
      { numRuns: 50 },
    );
  });

  it("gives a value or a DecodeError on random values, and always a line of text", () => {
    const seed = Date.now() >>> 0;
    const count = cases(100_000);
    const random = randomNumbers(seed);
    let faults = 0;
    const ugly: string[] = [];
    for (let i = 0; i < count; i++) {
      const code = 1 + random(254);
      const bytes = randomBytes(random, random(3) === 0 ? random(300) : random(12));
      try {
        decodeOption(code, bytes);
      } catch (error) {
        if (!(error instanceof DecodeError) || error.layer !== "dhcp-option") throw error;
        faults += 1;
      }
      const line = formatOption(code, bytes);
      if (!/^[ -~…]*$/.test(line)) ugly.push(`option ${code}: ${line}`);
    }
    expect(ugly, `with seed ${seed}`).toEqual([]);
    expect(faults, `with seed ${seed}`).toBeGreaterThan(count / 100);
  });
});

describe("decoding an option", () => {
  it.each<[string, number, string, unknown]>([
    ["a mask", 1, "ffffff00", "255.255.255.0"],
    ["a negative time offset", 2, "ffff8f80", -28800],
    ["several routers", 3, "c0a84d01c0a84d02", ["192.168.77.1", "192.168.77.2"]],
    ["text with a trailing NUL", 67, "697078652e65666900", "ipxe.efi"],
    ["UTF-8 text", 12, "c3a4", "ä"],
    ["a list of architectures", 93, "00070009", [7, 9]],
    ["RFC 3004 user classes", 77, "0469505845034f7468", ["iPXE", "Oth"]],
    ["iPXE's bare user class", 77, "69505845", ["iPXE"]],
    [
      "classless routes",
      121,
      "080ac0a8020219c0a84d00c0a8020300c0a80201",
      [
        { network: "10.0.0.0", prefixLength: 8, via: "192.168.2.2" },
        { network: "192.168.77.0", prefixLength: 25, via: "192.168.2.3" },
        { network: "0.0.0.0", prefixLength: 0, via: "192.168.2.1" },
      ],
    ],
    [
      "a classless route with bits beyond its prefix",
      121,
      "09 0aff c0a80202",
      [{ network: "10.128.0.0", prefixLength: 9, via: "192.168.2.2" }],
    ],
    ["domains", 119, "076578616d706c6503636f6d00", ["example.com"]],
    // RFC 3397 2: eng.apple.com. and marketing.apple.com., the latter by pointer.
    [
      "compressed domains",
      119,
      "03656e67056170706c6503636f6d00096d61726b6574696e67c004",
      ["eng.apple.com", "marketing.apple.com"],
    ],
    [
      "a client identifier",
      61,
      "01080027294e67",
      { hardwareType: 1, identifier: Uint8Array.of(8, 0, 0x27, 0x29, 0x4e, 0x67) },
    ],
  ])("reads %s", (_, code, hex, value) => {
    expect(decoded(code, hex)).toEqual(value);
  });

  it.each<[string, number, string]>([
    ["an address of 3 bytes", 54, "c0a84d"],
    ["no addresses", 6, ""],
    ["half an address", 6, "c0a84d01c0a8"],
    ["empty text", 12, ""],
    ["a flag of 2", 19, "02"],
    ["an odd list of architectures", 93, "000700"],
    ["a prefix of 33 bits", 121, "210a000000c0a80201c0a80202"],
    ["half a route", 121, "080ac0a802"],
    ["a client identifier of one byte", 61, "01"],
    ["a domain that is cut short", 119, "076578616d"],
    ["a domain that points at itself", 119, "c000"],
    ["domains that point at each other", 119, "0161c0020161c000"],
    ["a pointer without its second byte", 119, "016100c0"],
    ["an empty domain", 119, "00"],
    ["a label with a dot", 119, "03612e6200"],
    ["a label of 64 bytes", 119, `40${"61".repeat(64)}00`],
    ["a message type of two bytes", 53, "0101"],
  ])("refuses %s", (_, code, hex) => {
    expect(() => decoded(code, hex)).toThrow(DecodeError);
    expect(formatOption(code, fromHex(hex) ?? new Uint8Array())).toMatch(/malformed: /);
  });

  it("follows a long chain of domain pointers only so far", () => {
    const chain = Array.from({ length: 1000 }, (_, i) => {
      const target = i === 0 ? 0 : 2 + (i - 1) * 2;
      return Uint8Array.of(0xc0 | (target >>> 8), target & 0xff);
    });
    const value = concat([Uint8Array.of(1, 97), ...chain]);
    expect(() => decodeOption(119, value)).toThrow(DecodeError);
  });
});

describe("encoding an option", () => {
  it.each<[string, number, OptionValue]>([
    ["a value of another type", 26, { type: "text", value: "1400" }],
    ["a number that does not fit", 26, { type: "u16", value: 70_000 }],
    ["a fraction", 51, { type: "u32", value: 1.5 }],
    ["an empty user class", 77, { type: "user-class", value: [""] }],
    [
      "a prefix of 33 bits",
      121,
      { type: "routes", value: [{ network: "10.0.0.0", prefixLength: 33, via: "10.0.0.1" }] },
    ],
    ["an empty label", 119, { type: "domains", value: ["a..b"] }],
    ["a label of 64 characters", 119, { type: "domains", value: ["x".repeat(64)] }],
    ["a domain that is not ASCII", 119, { type: "domains", value: ["ä.example"] }],
    [
      "a domain of more than 255 bytes",
      119,
      { type: "domains", value: [Array(130).fill("a").join(".")] },
    ],
  ])("refuses %s", (_, code, value) => {
    expect(() => encodeOption(code, value)).toThrow(InternalError);
  });

  it("takes bytes for any option", () => {
    const bytes = fromText("x");
    expect(encodeOption(51, { type: "bytes", value: bytes })).toEqual(bytes);
  });

  it("allows a final dot in a domain", () => {
    const value = encodeOption(119, { type: "domains", value: ["example.com."] });
    expect(decodeOption(119, value).value).toEqual(["example.com"]);
  });
});

describe("an option as text", () => {
  it.each<[number, string, string]>([
    [53, "01", "DISCOVER"],
    [53, "63", "type 99"],
    [60, "50584501", "PXE\\x01"],
    [61, "01080027294e67", "1/08:00:27:29:4e:67"],
    [61, "ff0102", "255/0102"],
    [121, "080ac0a80202", "10.0.0.0/8 via 192.168.2.2"],
    [33, "0a000001c0a80201", "10.0.0.1 192.168.2.1"],
    [93, "0007", "7"],
    [43, "060108ff", "060108ff"],
    [54, "c0a8", "c0a8 (malformed: the value is not 4 bytes long)"],
  ])("shows option %i %s as %s", (code, hex, line) => {
    expect(formatOption(code, fromHex(hex) ?? new Uint8Array())).toBe(line);
  });
});
