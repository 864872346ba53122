/**
 * What each key of the configuration says of itself, beside its type and default. `description` is for people who
 * have not read an RFC, in Markdown without line breaks; `docs/configuration.md` and `eim-pxe schema` are made of it.
 */
declare module "zod" {
  interface GlobalMeta {
    /** The first version that had the key; absent: 0.1.0. */
    readonly since?: string;
    /** What holds where the key is not set, when its default value (null, an empty list) does not say it. */
    readonly unset?: string;
    /** Where docs/ say more, relative to that folder: `booting.md#who-may-boot`. */
    readonly see?: string;
    /** What a number counts, where the key's name does not say it. */
    readonly unit?: string;
  }
}

/** Those that are no keywords of JSON Schema. */
export const ownMeta: readonly string[] = ["since", "unset", "see", "unit"];
