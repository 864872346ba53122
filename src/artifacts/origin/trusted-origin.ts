import { createOrigin, type Origin, type OriginOptions } from "./origin.ts";
import type { Trust } from "./trust.ts";

/** An origin together with the trust that it needs, which may have to be fetched first. */
export interface Source {
  readonly url: string;
  /** @throws SyncError when the CA cannot be had */
  origin(): Promise<Origin>;
  /** See `Trust.renew`. */
  renewTrust(): Promise<boolean>;
  /** How a person accepts another certificate. */
  readonly remedy: string;
  close(): Promise<void>;
}

export function createSource(options: Omit<OriginOptions, "ca">, trust: Trust): Source {
  let open: { readonly origin: Origin; readonly pem: string | null } | null = null;
  const url = options.url.replace(/\/+$/, "");
  return {
    url,
    origin: async () => {
      const ca = url.startsWith("https:") ? await trust.authority() : null;
      const pem = ca?.pem ?? null;
      if (open !== null && open.pem === pem) return open.origin;
      await open?.origin.close();
      open = { origin: createOrigin({ ...options, ca, accept: trust.remedy }), pem };
      return open.origin;
    },
    renewTrust: () => trust.renew(),
    remedy: trust.remedy,
    close: async () => open?.origin.close(),
  };
}

/** An origin that is there already. */
export function sourceOf(origin: Origin): Source {
  return {
    url: origin.url,
    origin: () => Promise.resolve(origin),
    renewTrust: () => Promise.resolve(false),
    remedy: "name its CA in artifacts.ca.file and start the program again",
    close: () => origin.close(),
  };
}
