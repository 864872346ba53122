import { createHmac } from "node:crypto";

/** What the bytes of a secret file sign by. */
export type SigningKey = Uint8Array;

/** As the makers of receivers hand it out: `whsec_` and base64; anything else is the key itself. */
const WRITTEN_IN_BASE64 = "whsec_";

/** The key in the text of a secret file; white space around it does not count. */
export function signingKey(text: string): SigningKey {
  const word = text.trim();
  return word.startsWith(WRITTEN_IN_BASE64)
    ? Buffer.from(word.slice(WRITTEN_IN_BASE64.length), "base64")
    : Buffer.from(word, "utf8");
}

/**
 * The headers by which a receiver knows that a body is ours: those of Standard Webhooks 1.0, over id, time and body, so that
 * nothing old can be sent again; and `X-Hub-Signature-256` over the body alone, which most receivers that exist know.
 *
 * @param id of the CloudEvent
 * @param wallMs when it is sent, in milliseconds since the Unix epoch
 */
export function signatureHeaders(
  key: SigningKey | null,
  { id, body, wallMs }: { readonly id: string; readonly body: string; readonly wallMs: number },
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(wallMs / 1000));
  const named = { "webhook-id": id, "webhook-timestamp": timestamp };
  if (key === null) return named;
  const mac = (text: string) => createHmac("sha256", key).update(text);
  return {
    ...named,
    "webhook-signature": `v1,${mac(`${id}.${timestamp}.${body}`).digest("base64")}`,
    "x-hub-signature-256": `sha256=${mac(body).digest("hex")}`,
  };
}
