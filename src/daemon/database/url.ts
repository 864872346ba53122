import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Config } from "../../config/schema.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";

/** How the database is reached, as its URL says. */
export interface DatabaseAddress {
  /** Without what is told apart here. */
  readonly url: string;
  /** The folder of its socket; null: by the network. */
  readonly socketFolder: string | null;
  /** Whether TLS is wanted, and what is checked of the certificate. */
  readonly tls: "off" | "prefer" | "unchecked" | "checked";
  /** The file of the CA; null: those that Node knows. */
  readonly caFile: string | null;
  /** For people, without user and password. */
  readonly place: string;
}

const tlsModes = {
  disable: "off",
  allow: "prefer",
  prefer: "prefer",
  require: "unchecked",
  "verify-ca": "checked",
  "verify-full": "checked",
} as const;

const FORM = "postgres://USER:PASSWORD@HOST:5432/DATABASE";

/** Null where the text is no URL of a PostgreSQL database. */
export function readDatabaseUrl(text: string): DatabaseAddress | null {
  const trimmed = text.trim();
  if (!/^postgres(ql)?:\/\/\S+$/.test(trimmed)) return null;
  const parts = /^([^:]+:\/\/(?:[^/?@]*@)?)([^/?]*)(.*)$/.exec(trimmed);
  const [, before = "", hosts = "", behind = ""] = parts ?? [];
  // Node's URLs have one host, and have one where there is a user.
  const single = `${before}${hosts.split(",")[0] || "localhost"}${behind}`;
  if (!URL.canParse(single)) return null;
  const { searchParams, pathname } = new URL(single);
  const mode = searchParams.get("sslmode");
  const tls = mode === null ? null : Object.entries(tlsModes).find(([name]) => name === mode)?.[1];
  if (tls === undefined) return null;
  const socketFolder = searchParams.get("host");
  const caFile = searchParams.get("sslrootcert");
  for (const name of ["sslmode", "sslrootcert", "host"]) searchParams.delete(name);
  const rest = searchParams.size === 0 ? "" : `?${searchParams.toString()}`;
  const database = decodeURIComponent(pathname.slice(1));
  const isChecked = caFile !== null && (tls === null || tls === "unchecked");
  return {
    url: `${before}${hosts || "localhost"}${pathname}${rest}`,
    socketFolder,
    tls: isChecked
      ? "checked"
      : (tls ?? (socketFolder === null && hosts !== "" ? "prefer" : "off")),
    caFile,
    place: `the database ${database} at ${socketFolder ?? (hosts === "" ? "localhost" : hosts)}`,
  };
}

/** The file with the database's URL; null where the leases are in the journal. */
export function urlFileOf({ leases: { store } }: Pick<Config, "leases">): string | null {
  return store === "journal" ? null : store.postgres.urlFile;
}

/**
 * The URL in the text of the file of `leases.store.postgres.urlFile`.
 *
 * @throws ConfigError when there is none; the message never has what is in it
 */
export function urlIn(text: string, file: string): DatabaseAddress {
  const address = readDatabaseUrl(text);
  if (address === null) {
    throw new ConfigError([
      `${file}:1:1: must have the database's URL on one line, such as ${FORM}?sslmode=verify-full`,
    ]);
  }
  const { caFile } = address;
  return { ...address, caFile: caFile === null ? null : resolve(dirname(file), caFile) };
}

/** The same of the file as it is now. */
export async function readUrlFile(file: string): Promise<DatabaseAddress> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw new ConfigError([`${file}: the database's URL cannot be read: ${messageOf(error)}`]);
  });
  return urlIn(text, file);
}
