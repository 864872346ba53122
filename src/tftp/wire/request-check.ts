import type { Mac } from "../../lib/mac.ts";
import { readRequestedName, type RequestedName } from "./file-names.ts";
import { ErrorCode, errorPacket, type ErrorPacket, type RequestPacket } from "./packet.ts";

/** A request judged by itself, before anything is looked up. */
export type RequestCheck =
  | { readonly kind: "look-up"; readonly name: RequestedName; readonly mac: Mac | null }
  | { readonly kind: "refuse"; readonly error: ErrorPacket; readonly mac: Mac | null };

/** Whether a request may be served at all, and if so, which names to look for. */
export function checkRequest(request: RequestPacket): RequestCheck {
  const name = readRequestedName(request.filename);
  const mac = name?.mac ?? null;
  if (request.opcode === "wrq") {
    return refuse(ErrorCode.ACCESS_VIOLATION, "this server is read-only", mac);
  }
  if (request.mode === "netascii") {
    // RFC 1350 5 defines the mode, so asking for it is not an illegal operation; no code fits.
    const message = "mode netascii is not served, ask for octet (binary)";
    return refuse(ErrorCode.NOT_DEFINED, message, mac);
  }
  if (request.mode !== "octet") {
    // RFC 1350 1 calls `mail` obsolete; other modes need an agreement that we have with nobody.
    return refuse(ErrorCode.ILLEGAL_OPERATION, "only mode octet is served", mac);
  }
  if (name === null) {
    return refuse(ErrorCode.ACCESS_VIOLATION, "this file name is not allowed", mac);
  }
  return { kind: "look-up", name, mac };
}

function refuse(code: number, message: string, mac: Mac | null): RequestCheck {
  return { kind: "refuse", error: errorPacket(code, message), mac };
}
