import { readFileSync } from "node:fs";
import { explain } from "../../src/commands/explain.ts";
import type { DescribedPacket } from "../../src/dhcp/wire/packet-json.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { fromHex, toHex } from "../../src/lib/bytes.ts";
import { FakeProgram } from "./program.ts";

/* The inputs of test/fixtures/field and what `explain` says of them. */

const folder = new URL("../fixtures/field/", import.meta.url);

/** The UDP payload of `NAME.hex`. */
export function fieldBytes(name: string): Uint8Array {
  const [, hex = ""] = readFileSync(new URL(`${name}.hex`, folder), "utf8").split("\n");
  return fromHex(hex) ?? new Uint8Array();
}

/** The same input with some fields and options changed; null takes an option away. */
export function fieldVariant(
  name: string,
  changes: Partial<Omit<DhcpPacket, "options">> = {},
  options: Readonly<Record<number, readonly number[] | null>> = {},
): Uint8Array {
  const packet = decodePacket(fieldBytes(name));
  const changed = new Map(packet.options);
  for (const [code, value] of Object.entries(options)) {
    if (value === null) changed.delete(Number(code));
    else changed.set(Number(code), Uint8Array.from(value));
  }
  return encodePacket({ ...packet, ...changes, options: changed });
}

/** What comes behind the options that are there, in place of End. */
export function withTail(bytes: Uint8Array, tail: readonly number[]): Uint8Array {
  let at = 240;
  while (at < bytes.length && bytes[at] !== 255)
    at += bytes[at] === 0 ? 1 : 2 + (bytes[at + 1] ?? 0);
  return Uint8Array.from([...bytes.subarray(0, at), ...tail]);
}

export interface Explained {
  readonly decision: "reply" | "ignore";
  readonly reason: string;
  readonly destination: string | null;
  readonly packet: DescribedPacket | null;
  readonly bytes: Uint8Array;
  /** The value of an option in hex; null when it is not in the reply. */
  readonly option: (code: number) => string | null;
}

/**
 * What `explain` answers.
 *
 * @param input the name of a file in test/fixtures/field, or a packet
 * @param config `proxy` or `full` of the same folder, or the path of another configuration
 */
export async function explained(
  input: string | Uint8Array,
  config: string,
  asked: { readonly source?: string; readonly port?: 67 | 4011 } = {},
): Promise<Explained> {
  const bytes = typeof input === "string" ? fieldBytes(input) : input;
  const program = new FakeProgram();
  const file = config.includes("/") ? config : new URL(`${config}.yaml`, folder).pathname;
  const { source = null, port = 67 } = asked;
  await explain(program, file, { interface: null, source, port, hex: toHex(bytes) });
  const { decision, reason, reply } = JSON.parse(program.written);
  const packet: DescribedPacket | null = reply?.packet ?? null;
  return {
    decision,
    reason,
    destination: reply?.destination ?? null,
    packet,
    bytes: fromHex(reply?.hex ?? "") ?? new Uint8Array(),
    option: (code) => packet?.options.find((one) => one.code === code)?.hex ?? null,
  };
}
