import { readFile } from "node:fs/promises";
import type { Connect, Sql } from "./sql.ts";
import { type DatabaseAddress, readUrlFile } from "./url.ts";

/** Longer no attempt to connect takes. */
const CONNECT_SECONDS = 3;

/** Connects by the package `postgres`, which is loaded only here, to what the file says now. */
export function connectBy(urlFile: string): Connect {
  return async (closed) => {
    const address = await readUrlFile(urlFile);
    const [{ default: postgres }, tls] = await Promise.all([import("postgres"), tlsOf(address)]);
    const client = postgres(address.url, {
      ...(address.socketFolder === null ? {} : { host: address.socketFolder }),
      ssl: tls,
      // All statements in their order, by one connection that we open and end ourselves.
      max: 1,
      max_lifetime: null,
      connect_timeout: CONNECT_SECONDS,
      keep_alive: 10,
      fetch_types: false,
      target_session_attrs: "read-write",
      connection: { application_name: "eim-pxe" },
      onnotice: () => {},
      onclose: closed,
    });
    const sql: Sql = {
      query: async (text, params) => [
        ...(await client.unsafe(text, [...params], { prepare: true })),
      ],
      run: async (text) => void (await client.unsafe(text)),
      close: () => client.end({ timeout: 0 }).catch(() => {}),
    };
    return sql;
  };
}

async function tlsOf({
  tls,
  caFile,
}: DatabaseAddress): Promise<false | "prefer" | "require" | object> {
  switch (tls) {
    case "off":
      return false;
    case "prefer":
      return "prefer";
    case "unchecked":
      return "require";
    default:
      return caFile === null
        ? { rejectUnauthorized: true }
        : { rejectUnauthorized: true, ca: await readFile(caFile, "utf8") };
  }
}
