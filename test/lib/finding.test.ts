import { describe, expect, it } from "vitest";
import {
  type Finding,
  inFourLines,
  inOneSentence,
  judge,
  judgeAll,
  type Rule,
} from "../../src/lib/finding.ts";

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

describe("rules", () => {
  const rules: readonly Rule<{ readonly free: number; readonly pool: string }>[] = [
    {
      code: "pool-full",
      cause: "no address of {pool} is free",
      remedy: "enlarge {pool}",
      who: "site",
      when: ({ free, pool }) => (free === 0 ? { pool } : null),
    },
    {
      code: "pool-nearly-full",
      cause: "{pool} has {free} addresses left",
      remedy: "enlarge {pool}",
      who: "site",
      when: ({ free, pool }) => (free < 10 ? { pool, free } : null),
    },
  ];

  it("are judged in their order, and the first that holds speaks, with what was found filled in", () => {
    expect(judge(rules, { free: 0, pool: "10.0.0.1-10.0.0.9" })).toEqual({
      code: "pool-full",
      cause: "no address of 10.0.0.1-10.0.0.9 is free",
      remedy: "enlarge 10.0.0.1-10.0.0.9",
      who: "site",
    });
    expect(judge(rules, { free: 3, pool: "P" })?.cause).toBe("P has 3 addresses left");
    expect(judge(rules, { free: 10, pool: "P" })).toBeNull();
    expect(judgeAll(rules, { free: 0, pool: "P" }).map(({ code }) => code)).toEqual([
      "pool-full",
      "pool-nearly-full",
    ]);
  });

  it("take what a machine sent as it is, and fill nothing into that", () => {
    expect(judge(rules, { free: 3, pool: "{free}" })?.cause).toBe("{free} has 3 addresses left");
  });
});
