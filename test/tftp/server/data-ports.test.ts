import { describe, expect, it } from "vitest";
import { InternalError } from "../../../src/lib/errors.ts";
import { DataPorts } from "../../../src/tftp/server/data-ports.ts";

describe("data ports", () => {
  it("are handed out in turn, each to one at a time", () => {
    const ports = new DataPorts({ first: 40_000, last: 40_002 });
    expect([ports.take(), ports.take(), ports.take(), ports.take()]).toEqual([
      40_000,
      40_001,
      40_002,
      null,
    ]);
  });

  it("rest as long as possible before they serve again", () => {
    const ports = new DataPorts({ first: 1, last: 3 });
    expect(ports.take()).toBe(1);
    ports.giveBack(1);
    expect([ports.take(), ports.take(), ports.take()]).toEqual([2, 3, 1]);
  });

  it("may be a single one", () => {
    const ports = new DataPorts({ first: 7, last: 7 });
    expect(ports.size).toBe(1);
    expect([ports.take(), ports.take()]).toEqual([7, null]);
    ports.giveBack(7);
    expect(ports.take()).toBe(7);
  });

  it("cannot be none", () => {
    expect(() => new DataPorts({ first: 2, last: 1 })).toThrow(InternalError);
  });
});
