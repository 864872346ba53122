import { describe, expect, it } from "vitest";
import { type Finding, inFourLines, inOneSentence } from "../../src/lib/finding.ts";

const finding: Finding = {
  code: "port-filtered",
  cause: "a firewall drops UDP 69 on the way to 192.168.77.1",
  remedy: "let UDP 69 through",
  who: "network",
};

describe("a finding for people", () => {
  it("is one sentence that names who has to act", () => {
    expect(inOneSentence(finding)).toBe(
      "a firewall drops UDP 69 on the way to 192.168.77.1. To do (network team): let UDP 69 through",
    );
  });

  it("is four short lines", () => {
    expect(inFourLines(finding).split("\n")).toEqual([
      "Code:   port-filtered",
      "Cause:  a firewall drops UDP 69 on the way to 192.168.77.1",
      "Remedy: let UDP 69 through",
      "Who:    network team",
    ]);
  });
});
