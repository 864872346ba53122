/** What a server elsewhere answered to something that was sent to it. */
export interface PostAnswer {
  readonly status: number;
  /** Where it sends the client to. */
  readonly location: string | null;
  /** How long it asks to be left alone (RFC 9110 10.2.3); null where it does not say. */
  readonly retryAfterMs: number | null;
  /** The beginning of what it says. */
  readonly text: string;
}

/**
 * Sends a body to one URL by POST. Rejects where no answer came: with a `SyncError` that says why and what to do, or as the
 * signal says.
 */
export type Post = (
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
) => Promise<PostAnswer>;
