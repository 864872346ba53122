import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildSubOptions,
  ipxeOptions,
  pxeVendorOptions,
  readIpxeOptions,
  readPxeVendorOptions,
  readRelayInformation,
  readSubOptions,
  relayInformation,
} from "../../../src/dhcp/wire/vendor-options.ts";
import { decodePacket } from "../../../src/dhcp/wire/packet.ts";
import { fromHex, fromText, toHex } from "../../../src/lib/bytes.ts";
import { DecodeError, InternalError } from "../../../src/lib/errors.ts";
import { firmwareRequests } from "../../support/dhcp.ts";
import { mutated, randomBytes, randomNumbers } from "../../support/random.ts";
import { cases } from "../../support/cases.ts";

function bytes(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array();
}

const octet = fc.nat(0xff);
const word = fc.nat(0xffff);
const ip = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join("."));
const ascii = fc.stringMatching(/^[ -~]{0,20}$/);
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: null });

describe("option 43 of PXE", () => {
  it("is read as it was built", () => {
    const options = fc.record({
      discoveryControl: optional(octet),
      bootServers: fc.array(fc.record({ type: word, addresses: fc.array(ip, { maxLength: 5 }) }), {
        maxLength: 4,
      }),
      bootMenu: fc.array(fc.record({ type: word, text: ascii }), { maxLength: 5 }),
      menuPrompt: optional(fc.record({ timeoutSeconds: octet, text: ascii })),
      bootItem: optional(fc.record({ type: word, layer: word })),
      traceparent: optional(fc.uint8Array({ minLength: 26, maxLength: 26 })),
    });
    fc.assert(
      fc.property(options, (original) => {
        expect(readPxeVendorOptions(pxeVendorOptions(original))).toEqual(original);
      }),
    );
  });

  it("ends with End", () => {
    expect(toHex(pxeVendorOptions({ discoveryControl: 8 }))).toBe("060108ff");
    expect(toHex(pxeVendorOptions({ bootItem: { type: 0, layer: 0x8000 } }))).toBe(
      "470400008000ff",
    );
  });

  it("is read without End and with padding too", () => {
    expect(readPxeVendorOptions(bytes("060108")).discoveryControl).toBe(8);
    expect(readPxeVendorOptions(bytes("000006010800")).discoveryControl).toBe(8);
    expect(readPxeVendorOptions(bytes("ff060108")).discoveryControl).toBeNull();
  });

  it.each([
    ["a sub-option beyond the end", "0608"],
    ["discovery control of two bytes", "06020800"],
    ["a boot item of three bytes", "4703000000"],
    ["a list of boot servers cut short", "080700000a0a000001"],
    ["a menu cut short", "090500001141 41"],
    ["an empty prompt", "0a00"],
  ])("refuses %s", (_, hex) => {
    expect(() => readPxeVendorOptions(bytes(hex))).toThrow(DecodeError);
  });
});

describe("option 82", () => {
  it("is read as it was built", () => {
    const options = fc.record({
      circuitId: optional(fc.uint8Array({ maxLength: 60 })),
      remoteId: optional(fc.uint8Array({ maxLength: 60 })),
      linkSelection: optional(ip),
      serverIdOverride: optional(ip),
    });
    fc.assert(
      fc.property(options, (original) => {
        expect(readRelayInformation(relayInformation(original))).toEqual(original);
      }),
    );
  });

  it("knows neither padding nor End", () => {
    const found = readSubOptions(bytes("0001aaff01bb"), "relay");
    expect([...found]).toEqual([
      [0, bytes("aa")],
      [255, bytes("bb")],
    ]);
  });

  it("refuses an address that is not four bytes long", () => {
    expect(() => readRelayInformation(bytes("0503c0a84d"))).toThrow(DecodeError);
  });
});

describe("option 175 of iPXE", () => {
  it("tells what a real iPXE can do", () => {
    const values = firmwareRequests()
      .map(({ payload }) => decodePacket(payload).options.get(175))
      .filter((value) => value !== undefined);
    expect(values.length).toBeGreaterThan(0);
    for (const value of values) {
      const { features, version } = readIpxeOptions(value);
      expect(features).toEqual(expect.arrayContaining(["http", "dns", "tftp"]));
      expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    }
  });

  it("says not to wait for a proxy", () => {
    expect(toHex(ipxeOptions({ noPxeDhcp: true }))).toBe("b00101");
    expect(readIpxeOptions(bytes("b00101")).noPxeDhcp).toBe(true);
    expect(readIpxeOptions(bytes("b00100")).noPxeDhcp).toBe(false);
    expect(readIpxeOptions(bytes("130101")).noPxeDhcp).toBeNull();
  });

  it("takes a feature with value 0 as absent", () => {
    expect(readIpxeOptions(bytes("130100180101")).features).toEqual(["bzimage"]);
  });
});

describe("sub-options", () => {
  it("are concatenated when they are repeated", () => {
    const value = buildSubOptions([
      [1, fromText("ab")],
      [2, fromText("x")],
      [1, fromText("c")],
    ]);
    expect(readSubOptions(value, "relay").get(1)).toEqual(fromText("abc"));
  });

  it("of more than 255 bytes are refused when they are built", () => {
    expect(() => buildSubOptions([[1, new Uint8Array(256)]])).toThrow(InternalError);
  });

  it("give a value or a DecodeError on random and mutated values", () => {
    const seed = Date.now() >>> 0;
    const count = cases(100_000);
    const random = randomNumbers(seed);
    const readers = [readPxeVendorOptions, readRelayInformation, readIpxeOptions];
    const model = pxeVendorOptions({
      discoveryControl: 8,
      bootServers: [{ type: 0, addresses: ["10.0.0.1", "10.0.0.2"] }],
      bootMenu: [{ type: 0, text: "Raspberry Pi Boot" }],
      menuPrompt: { timeoutSeconds: 0, text: "PXE" },
      bootItem: { type: 0, layer: 0 },
    });
    let values = 0;
    for (let i = 0; i < count; i++) {
      const value = i % 2 === 0 ? randomBytes(random, random(40)) : mutated(model, random);
      try {
        readers[i % readers.length]?.(value);
        values += 1;
      } catch (error) {
        if (!(error instanceof DecodeError) || error.layer !== "dhcp-option") throw error;
      }
    }
    expect(values, `with seed ${seed}`).toBeGreaterThan(count / 100);
    expect(values, `with seed ${seed}`).toBeLessThan(count);
  });
});
