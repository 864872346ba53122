import { describe, expect, it } from "vitest";
import { overNarrowLink } from "../../support/narrow-link.ts";

/* A link that sends one packet after the other, with a queue in front that loses nothing. */

const blksize = 1468;
const fileBytes = 1_000_000;
const lastBlock = Math.floor(fileBytes / blksize) + 1;
const HEADER_BYTES = 46;

interface Link {
  readonly mbit: number;
  readonly windowsize: number;
}

/** The receiver is EDK2's: it acknowledges each window, and for every copy again what it has. */
function run(link: Link) {
  const unlimited = { queue: Infinity, delayMs: 0.1, client: "edk2" } as const;
  return overNarrowLink({ ...link, ...unlimited, blksize, fileBytes });
}

describe("over a link on which a window takes longer than the first round trips", () => {
  it.each<Link & { readonly copies: number }>([
    { mbit: 10, windowsize: 64, copies: 0.3 },
    { mbit: 5, windowsize: 64, copies: 0.4 },
    { mbit: 2, windowsize: 16, copies: 0.1 },
    { mbit: 2, windowsize: 64, copies: 0.7 },
    { mbit: 0.25, windowsize: 4, copies: 0.1 },
    { mbit: 100, windowsize: 64, copies: 0 },
  ])(
    "delivers at $mbit Mbit/s with windowsize $windowsize and soon stops to send twice",
    ({ copies, ...link }) => {
      const { end, elapsedMs, retransmissions } = run(link);
      expect(end).toEqual({ kind: "done", outcome: "complete" });
      expect(retransmissions).toBeLessThanOrEqual(lastBlock * copies);
      const onceMs = (lastBlock * (blksize + HEADER_BYTES) * 8) / (link.mbit * 1000);
      expect(elapsedMs).toBeLessThan(onceMs * (1.1 + copies));
    },
  );

  it.each<Link>([
    { mbit: 1, windowsize: 64 },
    { mbit: 0.5, windowsize: 64 },
  ])(
    "delivers even at $mbit Mbit/s with windowsize $windowsize, where each takes a second",
    (link) => {
      const { end, retransmissions } = run(link);
      expect(end).toEqual({ kind: "done", outcome: "complete" });
      expect(retransmissions).toBeLessThan(lastBlock * 3);
    },
  );
});
