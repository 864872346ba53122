import { toText } from "../../lib/bytes.ts";

/**
 * The classes in option 77. iPXE sends its class as bare text, RFC 3004 wants each one behind its
 * length. A value is RFC 3004 when its lengths add up exactly; otherwise all of it is one class.
 */
export function readUserClasses(value: Uint8Array): readonly string[] {
  const classes: string[] = [];
  for (let at = 0; at < value.length;) {
    const length = value[at] ?? 0;
    if (length === 0 || at + 1 + length > value.length) return [toText(value)];
    classes.push(toText(value.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return classes;
}
