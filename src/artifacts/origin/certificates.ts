import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { printable } from "../../lib/bytes.ts";

/** A certificate as its owner presents it. */
export interface Presented {
  /** SHA-256 in hex with colons, as `openssl x509 -fingerprint -sha256` shows it. */
  readonly fingerprint: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** The names that it is for, as `DNS:a, DNS:b`. */
  readonly names: string;
  /** Whom it names, and who signed it, by their common names. */
  readonly subject: string;
  readonly issuer: string;
  /** Who signed the last certificate of the chain that came with it. */
  readonly topIssuer: string;
  /** How many certificates came. */
  readonly chainLength: number;
  /** Whether the trust that it was asked with covers it. */
  readonly isTrusted: boolean;
}

/** A server's certificate that is not to be believed. */
export class CertificateError extends Error {
  /** OpenSSL's name for it (`X509_V_ERR_…` without its beginning), or Node's. */
  readonly code: string;
  readonly presented: Presented | null;

  constructor(socket: TLSSocket) {
    const { authorizationError } = socket;
    // An Error by its type; at run time its code, or its message.
    const code = String(authorizationError);
    super(code);
    this.name = "CertificateError";
    this.code = code;
    this.presented = presentedBy(socket);
  }
}

/** What the other side of an established connection presents; null where there is nothing. */
export function presentedBy(socket: TLSSocket): Presented | null {
  const leaf = socket.getPeerCertificate(true);
  // A peer that has none gives an empty object.
  if (typeof leaf.fingerprint256 !== "string" || leaf.fingerprint256 === "") return null;
  const chain = chainOf(leaf);
  const top = chain.at(-1) ?? leaf;
  return {
    fingerprint: leaf.fingerprint256,
    expiresAtMs: Date.parse(leaf.valid_to),
    names: printable(leaf.subjectaltname ?? "none"),
    subject: nameIn(leaf.subject),
    issuer: nameIn(leaf.issuer),
    topIssuer: nameIn(top.issuer),
    chainLength: chain.length,
    isTrusted: socket.authorized,
  };
}

function chainOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain = [leaf];
  const seen = new Set([leaf.fingerprint256]);
  // A root is its own issuer. Where the issuer did not come it is undefined, whatever its type says.
  for (
    let next: DetailedPeerCertificate | undefined = leaf.issuerCertificate;
    next !== undefined && !seen.has(next.fingerprint256);
    next = next.issuerCertificate
  ) {
    seen.add(next.fingerprint256);
    chain.push(next);
  }
  return chain;
}

/** A distinguished name in short: its common name, else its organisation, else all of it. */
function nameIn(name: object): string {
  const fields = new Map(
    Object.entries(name).map(([key, value]) => [key, [value].flat().join(", ")]),
  );
  const short = fields.get("CN") ?? fields.get("O") ?? null;
  const whole = Array.from(fields, ([key, value]) => `${key}=${value}`).join(", ");
  return printable(short ?? (whole === "" ? "nobody" : whole));
}
