import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { parseCookie, stringifySetCookie } from "cookie";
import type { Access } from "../../api/session.ts";

/*
 * Who may do what: the token of `admin.tokenFile` may do everything, that of `admin.readTokenFile` may read.
 * Programs present a token with each request; the dashboard signs in once and has a cookie from then on.
 */

export interface Tokens {
  /** Null: no token is needed (on loopback only). */
  readonly token: string | null;
  /** May only read; null: there is none. */
  readonly readToken: string | null;
}

export interface Presented {
  readonly access: Access;
  /** By the cookie of the dashboard. */
  readonly signedIn: boolean;
}

const cookieName = "eim-pxe-session";
/** A screen on the wall stays signed in. */
const cookieSeconds = 30 * 86_400;

/** What the sender of these headers may do. A token in them counts alone, whatever cookie there is. */
export function accessOf(headers: IncomingHttpHeaders, tokens: Tokens): Presented {
  if (tokens.token === null) return { access: "write", signedIn: false };
  if (headers.authorization !== undefined) {
    const bearer = /^Bearer +(\S+) *$/i.exec(headers.authorization)?.[1] ?? "";
    return { access: accessBy(bearer, tokens), signedIn: false };
  }
  const kept = parseCookie(headers.cookie ?? "")[cookieName];
  if (kept === undefined) return { access: "none", signedIn: false };
  const { token, readToken } = tokens;
  if (isSame(kept, sessionOf(token))) return { access: "write", signedIn: true };
  if (readToken !== null && isSame(kept, sessionOf(readToken))) {
    return { access: "read", signedIn: true };
  }
  return { access: "none", signedIn: false };
}

/** What this token may do. */
export function accessBy(presented: string, { token, readToken }: Tokens): Access {
  if (token === null || isSame(presented, token)) return "write";
  return readToken !== null && isSame(presented, readToken) ? "read" : "none";
}

/** The header that makes a browser keep the token's session; it ends when the token is changed. */
export function sessionCookie(token: string, secure: boolean): string {
  return cookie(sessionOf(token), cookieSeconds, secure);
}

/** The header that makes a browser forget it. */
export function noSessionCookie(secure: boolean): string {
  return cookie("", 0, secure);
}

function cookie(value: string, maxAge: number, secure: boolean): string {
  return stringifySetCookie(cookieName, value, {
    httpOnly: true,
    sameSite: "strict",
    path: "/",
    maxAge,
    secure,
  });
}

/** Not the token itself: whoever reads a browser's cookies does not learn what other programs present. */
function sessionOf(token: string): string {
  return createHmac("sha256", token).update("eim-pxe dashboard session").digest("hex");
}

/** Compares in a time that tells nothing about the secret. */
function isSame(presented: string, secret: string): boolean {
  return timingSafeEqual(digest(presented), digest(secret));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
