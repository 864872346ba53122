import type { Ip4 } from "../../lib/ip4.ts";

/** Where a file is fetched from. */
export type BootSource =
  | { readonly kind: "tftp"; readonly server: Ip4; readonly file: string }
  | { readonly kind: "http"; readonly url: string };
