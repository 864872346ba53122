import { describe, expect, it } from "vitest";
import { explainCode } from "../../src/commands/explain-code.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { FakeProgram } from "../support/program.ts";

describe("eim-pxe explain --code", () => {
  it("says in words what a code means, and who has to do what", () => {
    const program = new FakeProgram();
    expect(explainCode(program, { code: "e18", architecture: null, json: false })).toBe(0);
    const text = program.written;
    expect(text).toMatch(/^PXE-E18 of UEFI firmware: Server response timeout\n/);
    expect(text).toContain("what to do (network team): let UDP 69");
  });

  it("has both meanings where the firmware is not known, and one where it is", () => {
    const both = new FakeProgram();
    explainCode(both, { code: "PXE-E23", architecture: null, json: true });
    expect(JSON.parse(both.written).meanings).toHaveLength(2);
    const one = new FakeProgram();
    explainCode(one, { code: "PXE-E23", architecture: 7, json: true });
    expect(JSON.parse(one.written)).toMatchObject({
      code: "PXE-E23",
      meanings: [{ printer: "uefi", who: "site" }],
    });
  });

  it("does not guess at a code that it does not know", () => {
    const act = () =>
      explainCode(new FakeProgram(), { code: "99999999", architecture: null, json: false });
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(/no meaning is known of the code 99999999/);
  });
});
