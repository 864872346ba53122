import { describe, expect, it } from "vitest";
import { nextAttemptMs, outcomeOf } from "../../src/webhooks/outcome.ts";

const answer = { location: null, retryAfterMs: null, text: "" };

describe("what an answer means", () => {
  it.each([200, 201, 202, 204])("%i: it has the event", (status) => {
    expect(outcomeOf({ ...answer, status })).toEqual({ kind: "delivered" });
  });

  it.each([400, 413, 415, 422])("%i: it never takes this event", (status) => {
    expect(outcomeOf({ ...answer, status, text: "no schema" })).toEqual({
      kind: "refused",
      reason: `the receiver answered ${status} ("no schema")`,
    });
  });

  it.each([
    [301, "set the webhook's url to https://new.example/hook"],
    [401, "compare secretFile"],
    [403, "compare secretFile"],
    [404, "correct the webhook's url"],
    [405, "takes no POST"],
    [408, "the receiver's log"],
    [410, "has closed this webhook"],
    [429, "too many requests"],
    [500, "the receiver's log"],
    [503, "the receiver's log"],
  ])("%i: it is tried again, and the reason says what to do: %s", (status, remedy) => {
    const location = status === 301 ? "https://new.example/hook" : null;
    const outcome = outcomeOf({ ...answer, status, location, retryAfterMs: 7000 });
    expect(outcome).toMatchObject({ kind: "failed", retryAfterMs: 7000 });
    expect(JSON.stringify(outcome)).toContain(remedy);
  });
});

describe("the next attempt", () => {
  const after = (failures: number, random: number, retryAfterMs: number | null = null) =>
    nextAttemptMs(failures, retryAfterMs, random);

  it("is twice as late each time, up to five minutes, half of it by chance", () => {
    expect([1, 2, 3, 4].map((failures) => after(failures, 0))).toEqual([500, 1000, 2000, 4000]);
    expect([1, 2, 3].map((failures) => after(failures, 0.999))).toEqual([999.5, 1999, 3998]);
    expect([20, 5000].map((failures) => after(failures, 0))).toEqual([150_000, 150_000]);
  });

  it("is no earlier than the receiver asks for, and within the hour", () => {
    expect(after(1, 0, 30_000)).toBe(30_000);
    expect(after(1, 0, 1e12)).toBe(3_600_000);
  });
});
