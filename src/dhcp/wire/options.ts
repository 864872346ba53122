import { toHex } from "../../lib/bytes.ts";
import { DecodeError, InternalError } from "../../lib/errors.ts";
import { optionRows } from "./option-table.ts";
import {
  decodeValue,
  encodeValue,
  formatValue,
  type OptionType,
  type OptionValue,
} from "./option-values.ts";

/** One DHCP option: everything that the program knows of it. */
export interface OptionRow {
  readonly code: number;
  /** As the RFC calls it. */
  readonly name: string;
  readonly type: OptionType;
  /** Where it is defined: `RFC 2132 3.3`. */
  readonly source: string;
}

/** The options that have a row, by code. Others are bytes. */
export const optionTable: ReadonlyMap<number, OptionRow> = new Map(
  optionRows.map(([code, name, type, source]) => [code, { code, name, type, source }]),
);

/** The type of an option's value; "bytes" for options without a row. */
export function optionType(code: number): OptionType {
  return optionTable.get(code)?.type ?? "bytes";
}

/** `Subnet Mask`; `option 224` for options without a row. */
export function optionName(code: number): string {
  return optionTable.get(code)?.name ?? `option ${code}`;
}

/**
 * The value of option `code`, its parts already concatenated (RFC 3396).
 *
 * @throws {DecodeError} with layer "dhcp-option", and nothing else, when the bytes are no such value
 */
export function decodeOption(code: number, bytes: Uint8Array): OptionValue {
  return decodeValue(optionType(code), bytes);
}

/**
 * The bytes of option `code`. A value of type "bytes" is taken for every option: hex in a configuration
 * may say what the type cannot.
 *
 * @throws {InternalError} when the value has another type than the option, or does not fit it
 */
export function encodeOption(code: number, option: OptionValue): Uint8Array {
  const type = optionType(code);
  if (option.type !== type && option.type !== "bytes") {
    throw new InternalError(`${optionName(code)} is of type ${type}, not ${option.type}`);
  }
  return encodeValue(option);
}

/** The option's value in one line of printable text; a malformed one as hex with what is wrong. Never throws. */
export function formatOption(code: number, bytes: Uint8Array): string {
  try {
    return formatValue(decodeOption(code, bytes));
  } catch (error) {
    if (error instanceof DecodeError) return `${toHex(bytes)} (malformed: ${error.reason})`;
    throw error;
  }
}
