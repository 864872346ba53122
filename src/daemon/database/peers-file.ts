import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../lib/atomic-file.ts";

/* The addresses of the other servers of the database, for when that is away, and for whoever does not ask it. */

function peersFile(dataDir: string): string {
  return join(dataDir, "database-peers.json");
}

/** As the server of this data folder last knew them; none where it never did. */
export async function peersIn(dataDir: string): Promise<readonly string[]> {
  try {
    return z.array(z.string()).parse(JSON.parse(await readFile(peersFile(dataDir), "utf8")));
  } catch {
    return [];
  }
}

export function keepPeers(dataDir: string, addresses: readonly string[]): Promise<void> {
  return replaceFile(peersFile(dataDir), `${JSON.stringify(addresses)}\n`, { durable: false });
}
