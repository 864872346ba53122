/** A key of our configuration and its value. */
export interface Setting {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** What becomes of one of SMEE's settings: keys of ours that belong together, or why there is none. */
export type Outcome =
  | {
      readonly kind: "set";
      readonly settings: readonly Setting[];
      readonly note?: string;
      /** What to do where this version does not take them. */
      readonly otherwise?: string;
    }
  | { readonly kind: "note"; readonly note: string }
  /** It says what holds here anyway. */
  | { readonly kind: "nothing" };

/** SMEE's two lines: the program in Tinkerbell's monorepo, and the one of its own before it. */
export type SmeeLine = "smee" | "smee-standalone";

/** SMEE's settings by the names of its flags, without `-v4`. */
export type SmeeFlags = ReadonlyMap<string, string>;

/** @param remark said beside it */
export function set(path: readonly (string | number)[], value: unknown, remark?: string): Outcome {
  const settings = [{ path, value }];
  return remark === undefined ? { kind: "set", settings } : { kind: "set", settings, note: remark };
}

export function note(text: string): Outcome {
  return { kind: "note", note: text };
}

export const nothing: Outcome = { kind: "nothing" };

export function isTrue(text: string): boolean {
  return ["1", "t", "true"].includes(text.toLowerCase());
}

/** `a, b c` → its parts. */
export function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}
