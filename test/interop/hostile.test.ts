import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HostileSite, withstood } from "../support/hostile-site.ts";
import { netnsMissing } from "../support/netns.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * A neighbour with forty addresses attacks; meanwhile a machine on another link boots, and whoever asks the admin port is
 * answered. Each attack has a bound on how long these take, on descriptors and on memory.
 */

const missing = reasonToSkip({ tools: ["curl"], root: true }) ?? netnsMissing();

let site: HostileSite;
beforeAll(async () => {
  if (missing !== null) return;
  site = await HostileSite.open({ mode: "full", initramfsBytes: 16_000_000 });
});
afterAll(() => site?.close());

describe.skipIf(missing !== null)(`a hostile neighbour${missing ? ` (${missing})` : ""}`, () => {
  test.each([
    // What each may have open at the most: its connections, or the places that TFTP has at all.
    ["field fault 40", "pipelined", 80],
    ["field fault 40", "pipelined on every route", 80],
    ["field fault 41", "idle", 1000],
    ["field fault 41", "half a header", 1000],
    ["field fault 42", "unread", 480],
    ["field faults 45 and 46", "read requests", 2000],
    ["field faults 43 and 44", "declines", 0],
  ])(
    "%s: %s, from many addresses: all services answer, and nothing of it stays",
    async (_, attack, descriptors) => {
      const outcome = await site.under({
        arguments: (server, first) => [attack, server, first],
        descriptors,
      });
      expect(outcome).toMatchObject({ ...withstood, told: { event: "at its height" } });
    },
  );
});
