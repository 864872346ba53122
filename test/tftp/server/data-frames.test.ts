import { describe, expect, it } from "vitest";
import { DataFrames } from "../../../src/tftp/server/data-frames.ts";
import { encodePacket, type TftpPacket } from "../../../src/tftp/wire/packet.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";

const bytes = randomBytes(randomNumbers(9), 100_000);

function data(block: number, length: number): TftpPacket {
  return { opcode: "data", block, data: bytes.subarray(block * 10, block * 10 + length) };
}

describe("the frames of a transfer", () => {
  it("are what the packets encode to", () => {
    const frames = new DataFrames({ blksize: 512, windowsize: 4 });
    for (let block = 1; block < 30; block++) {
      const packet = data(block, block === 29 ? 100 : 512);
      expect(frames.encode(packet)).toEqual(encodePacket(packet));
    }
    const error = { opcode: "error", code: 0, message: "no" } as const;
    expect(frames.encode(error)).toEqual(encodePacket(error));
  });

  it("use no buffer twice within a window", () => {
    const frames = new DataFrames({ blksize: 512, windowsize: 4 });
    const encoded = [1, 2, 3, 4].map((block) => frames.encode(data(block, 512)));
    encoded.forEach((frame, i) => expect(frame).toEqual(encodePacket(data(i + 1, 512))));
    expect(frames.encode(data(5, 512))).toBe(encoded[0]);
  });

  it("never put a shorter block into the buffer of a longer one, which may still wait to be sent", () => {
    const frames = new DataFrames({ blksize: 512, windowsize: 1 });
    const waiting = frames.encode(data(1, 512));
    frames.encode(data(2, 100));
    expect(waiting).toEqual(encodePacket(data(1, 512)));
  });

  it("are new ones where a window of buffers would be large", () => {
    const frames = new DataFrames({ blksize: 65_464, windowsize: 4 });
    const [first, second] = [frames.encode(data(1, 65_464)), frames.encode(data(2, 65_464))];
    expect(first.buffer).not.toBe(second.buffer);
    for (let block = 3; block < 9; block++)
      expect(frames.encode(data(block, 65_464))).not.toBe(first);
  });
});
