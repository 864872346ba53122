import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { SeenDatagram } from "../../src/capture/datagram.ts";
import { linkTypes } from "../../src/capture/link-layer.ts";
import { datagramsOf, framesOf } from "../../src/capture/pcap-reader.ts";
import { writePcap } from "../../src/capture/pcap-writer.ts";
import { concat, toHex, u16, u32 } from "../../src/lib/bytes.ts";
import { DecodeError } from "../../src/lib/errors.ts";
import { packetOf, requests } from "../support/captured.ts";
import { missingTools } from "../support/tools.ts";

const datagrams = requests.map((payload, index) => packetOf(payload, index * 1500.25));
const file = writePcap(datagrams);

/** The same frames as another kind of file has them. */
function blocks(little: boolean, simple = false): Uint8Array {
  const n32 = (value: number) => (little ? u32(value).toReversed() : u32(value));
  const n16 = (value: number) => (little ? u16(value).toReversed() : u16(value));
  const block = (type: number, body: Uint8Array) => {
    const padded = concat([body, new Uint8Array(-body.length & 3)]);
    const length = n32(12 + padded.length);
    return concat([n32(type), length, padded, length]);
  };
  const section = block(
    0x0a0d0d0a,
    concat([n32(0x1a2b3c4d), n16(1), n16(0), n32(0xffffffff), n32(0xffffffff)]),
  );
  // Nanoseconds, by option if_tsresol.
  const resolution = concat([n16(9), n16(1), Uint8Array.of(9, 0, 0, 0), n32(0)]);
  const card = block(1, concat([n16(1), n16(0), n32(0), resolution]));
  const statistics = block(5, concat([n32(0), n32(0), n32(0)]));
  const frames = [...framesOf(file)].map(({ bytes, atMs }) => {
    if (simple) return block(3, concat([n32(bytes.length), bytes]));
    const nanos = atMs * 1e6;
    const time = [n32(Math.floor(nanos / 2 ** 32)), n32(nanos % 2 ** 32)];
    return block(6, concat([n32(0), ...time, n32(bytes.length), n32(bytes.length), bytes]));
  });
  return concat([section, card, statistics, ...frames]);
}

/** A file of one frame of a link type: the IPv4 packet of the first datagram behind `header`. */
function framed(linkType: number, header: readonly Uint8Array[]): Uint8Array {
  const [first] = [...framesOf(file)];
  const frame = concat([...header, (first?.bytes ?? new Uint8Array()).subarray(14)]);
  const fields = [0xa1b2c3d4, 0x00020004, 0, 0, 65535, linkType, 7, 0, frame.length, frame.length];
  return concat([...fields.map(u32), frame]);
}

const contents = (bytes: Uint8Array): readonly SeenDatagram[] =>
  [...datagramsOf(bytes)].map(({ source, destination, payload, atMs }) => {
    return { source, destination, payload: Uint8Array.from(payload), atMs };
  });

describe("a capture file", () => {
  it("is read as it was written, with its times", () => {
    expect(contents(file)).toEqual(datagrams);
  });

  it("is read in the other order of bytes, and with nanoseconds", () => {
    const swapped = file.slice();
    for (let at = 0; at < 24; at += 4) swapped.subarray(at, at + 4).reverse();
    for (let at = 24; at < file.length;) {
      const length = new DataView(file.buffer).getUint32(at + 8);
      for (let word = at; word < at + 16; word += 4) swapped.subarray(word, word + 4).reverse();
      at += 16 + length;
    }
    expect(contents(swapped)).toEqual(datagrams);
    const nano = framed(linkTypes.ethernet, [new Uint8Array(12), u16(0x0800)]);
    nano.set(u32(0xa1b23c4d), 0);
    nano.set(u32(500_000_000), 28);
    expect(contents(nano)[0]?.atMs).toBe(7500);
  });

  it.each([
    ["little", true],
    ["big", false],
  ])("is read as pcapng, %s-endian", (_order, little) => {
    expect(contents(blocks(little))).toEqual(datagrams);
    expect(contents(blocks(little, true))).toEqual(datagrams.map((one) => ({ ...one, atMs: 0 })));
  });

  it.each([
    ["a VLAN tag", linkTypes.ethernet, [new Uint8Array(12), u32(0x81000007), u16(0x0800)]],
    [
      "two VLAN tags",
      linkTypes.ethernet,
      [new Uint8Array(12), u32(0x88a80007), u32(0x81000008), u16(0x0800)],
    ],
    ["Linux cooked", linkTypes.cooked, [new Uint8Array(14), u16(0x0800)]],
    [
      "Linux cooked, with a VLAN tag",
      linkTypes.cooked,
      [new Uint8Array(14), u32(0x81000007), u16(0x0800)],
    ],
    ["Linux cooked, version 2", linkTypes.cooked2, [u16(0x0800), new Uint8Array(18)]],
    ["no link header", linkTypes.raw, []],
    ["loopback", linkTypes.null, [Uint8Array.of(2, 0, 0, 0)]],
  ])("is read with %s", (_what, linkType, header) => {
    expect(contents(framed(linkType, header)).map(({ payload }) => toHex(payload))).toEqual([
      toHex(datagrams[0]?.payload ?? new Uint8Array()),
    ]);
  });

  it("of a real link is read as tshark reads it", () => {
    const ports = contents(readFileSync("test/fixtures/firmware.pcap")).map(
      ({ destination }) => destination.port,
    );
    expect(ports.filter((port) => port === 67 || port === 4011).length).toBe(ports.length);
    expect(ports.length).toBeGreaterThan(5);
  });

  it("gives what stands before a damage, and says where that is", () => {
    const cut = file.subarray(0, file.length - 1);
    const read: SeenDatagram[] = [];
    expect(() => {
      for (const one of datagramsOf(cut)) read.push(one);
    }).toThrow("capture: the file ends within a frame");
    expect(read.length).toBe(datagrams.length - 1);
    expect(() => contents(new Uint8Array(40))).toThrow("this is no capture file");
    expect(() => contents(new Uint8Array(3))).toThrow("too short");
    expect(() => contents(framed(147, []))).toThrow("frames of link type 147");
  });

  it("however it is damaged, ends as a DecodeError or not at all", () => {
    const sound = [file, blocks(true), blocks(false)];
    const damages = fc.array(fc.tuple(fc.nat(700), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(fc.constantFrom(...sound), damages, fc.nat(700), (whole, changes, cut) => {
        const bytes = whole.slice(0, whole.length - cut);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        let failure: unknown = null;
        try {
          contents(bytes);
        } catch (error) {
          failure = error;
        }
        expect(failure === null || failure instanceof DecodeError).toBe(true);
      }),
    );
  });

  it.skipIf(missingTools(["tshark"]).length > 0)(
    "is accepted by tshark, without a complaint",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "eim-pxe-capture-"));
      try {
        const name = join(folder, "a.pcap");
        await writeFile(name, file);
        const checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
        const fields = ["-T", "fields", "-e", "dhcp.hw.mac_addr", "-e", "_ws.expert.message"];
        const lines = execFileSync("tshark", ["-r", name, ...checks, ...fields], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
        expect(
          lines
            .trim()
            .split("\n")
            .map((line) => line.trim()),
        ).toEqual(datagrams.map(() => "52:54:00:77:00:01"));
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
