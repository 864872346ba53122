import { describe, expect, test } from "vitest";
import { decodePacket, encodePacket } from "../../../src/tftp/wire/packet.ts";
import { TftpReceiver } from "../../../src/pxe-client/simulation/tftp-receiver.ts";

const inWindows = { blksize: 8, windowsize: 2 };

function oack(options: Readonly<Record<string, string>>): Uint8Array {
  return encodePacket({ opcode: "oack", options: new Map(Object.entries(options)) });
}

function data(block: number, length: number): Uint8Array {
  return encodePacket({ opcode: "data", block: block & 0xffff, data: new Uint8Array(length) });
}

function ack(block: number): object {
  return { kind: "send", payload: encodePacket({ opcode: "ack", block }) };
}

describe("a simulated machine's TFTP client", () => {
  test("asks for size, block size and window as firmware does", () => {
    expect(decodePacket(new TftpReceiver("ipxe.efi", inWindows).last)).toEqual({
      opcode: "rrq",
      filename: "ipxe.efi",
      mode: "octet",
      options: new Map([
        ["tsize", "0"],
        ["blksize", "8"],
        ["windowsize", "2"],
      ]),
    });
  });

  test("acknowledges each window, and ends with the first short block", () => {
    const receiver = new TftpReceiver("ipxe.efi", inWindows);
    expect(receiver.receive(oack({ tsize: "19", blksize: "8", windowsize: "2" }))).toEqual(ack(0));
    expect(receiver.receive(data(1, 8))).toEqual({ kind: "none" });
    expect(receiver.receive(data(2, 8))).toEqual(ack(2));
    expect(receiver.receive(data(3, 3))).toMatchObject({ kind: "done", bytes: 19 });
  });

  test("acknowledges the last block in order once after a gap", () => {
    const receiver = new TftpReceiver("ipxe.efi", inWindows);
    receiver.receive(oack({ blksize: "8", windowsize: "2" }));
    expect(receiver.receive(data(2, 8))).toEqual(ack(0));
    expect(receiver.receive(data(3, 8))).toEqual({ kind: "none" });
    expect(receiver.receive(data(1, 8))).toEqual({ kind: "none" });
    expect(receiver.receive(data(2, 8))).toEqual(ack(2));
  });

  test("does without options where the server knows none", () => {
    const receiver = new TftpReceiver("ipxe.efi", inWindows);
    expect(receiver.receive(data(1, 512))).toEqual(ack(1));
    expect(receiver.receive(data(2, 100))).toMatchObject({ kind: "done", bytes: 612 });
  });

  test("goes on after block 65535", () => {
    const receiver = new TftpReceiver("ipxe.efi", { blksize: 8, windowsize: 1 });
    receiver.receive(oack({ blksize: "8" }));
    for (let block = 1; block <= 65_536; block += 1) receiver.receive(data(block, 8));
    expect(receiver.receive(data(65_537, 0))).toMatchObject({ kind: "done", bytes: 524_288 });
  });

  test("fails where the server refuses, or sends less than it announced", () => {
    const refused = new TftpReceiver("absent", inWindows);
    const error = encodePacket({ opcode: "error", code: 1, message: "File not found" });
    expect(refused.receive(error)).toEqual({ kind: "fail", reason: "error 1: File not found" });
    const short = new TftpReceiver("ipxe.efi", inWindows);
    short.receive(oack({ tsize: "100", blksize: "8" }));
    expect(short.receive(data(1, 3))).toMatchObject({ kind: "fail" });
  });

  test("passes over what is no TFTP, and repeated blocks", () => {
    const receiver = new TftpReceiver("ipxe.efi", { blksize: 8, windowsize: 1 });
    receiver.receive(oack({ blksize: "8" }));
    receiver.receive(data(1, 8));
    for (const bytes of [new Uint8Array(0), Uint8Array.of(0, 9), Uint8Array.of(7), data(1, 8)]) {
      expect(receiver.receive(bytes)).toEqual({ kind: "none" });
    }
    expect(receiver.bytes).toBe(8);
  });
});
