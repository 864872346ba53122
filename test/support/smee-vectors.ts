import { readFileSync } from "node:fs";
import { z } from "zod";
import type { SmeeFlavour } from "../../src/boot/smee-layout.ts";

/** A request, and what Tinkerbell SMEE answered to it in one of its modes. */
export interface SmeeVector {
  readonly flavour: SmeeFlavour;
  readonly mode: "reservation" | "proxy" | "auto-proxy";
  readonly id: string;
  readonly name: string;
  /** Which record of the machine SMEE had. */
  readonly hardware: string;
  /** SMEE had a trace to write into what it names. */
  readonly traced: boolean;
  /** `IP:PORT` */
  readonly source: string;
  readonly request: string;
  /** Null: nothing. */
  readonly reply: { readonly destination: string; readonly hex: string } | null;
}

/** Our and SMEE's address in the vectors. */
export const vectorAddress = "192.168.2.112";

const modes = ["reservation", "proxy", "auto-proxy"] as const;
const answer = z.union([
  z.object({ dst: z.string(), hex: z.string() }),
  z.object({ no_reply: z.string() }),
]);
const vectorFile = z.object({
  vectors: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      hardware: z.string(),
      udp_source: z.string(),
      request_hex: z.string(),
      replies: z.object({ reservation: answer, proxy: answer, "auto-proxy": answer }),
    }),
  ),
});

/** SMEE's trace in the vectors that have one. */
export const vectorTrace = "00-23b1e307bb35484f535a1f772c06910e-d887dc3912240434-01";

/** All vectors of both lines, in each of the three modes. */
export const smeeVectors: readonly SmeeVector[] = (["smee", "smee-standalone"] as const).flatMap(
  (flavour) => {
    const file = flavour === "smee" ? "smee-current" : flavour;
    const text = readFileSync(`test/fixtures/${file}.json`, "utf8");
    return vectorFile.parse(JSON.parse(text)).vectors.flatMap((vector) =>
      modes.map((mode) => {
        const reply = vector.replies[mode];
        return {
          flavour,
          mode,
          id: vector.id,
          name: vector.name,
          hardware: vector.hardware,
          traced: vector.hardware === "otel",
          source: vector.udp_source,
          request: vector.request_hex,
          reply: "hex" in reply ? { destination: reply.dst, hex: reply.hex } : null,
        };
      }),
    );
  },
);
