import { crc32 } from "node:zlib";
import type { Lease } from "../../src/dhcp/leases/lease-table.ts";

/** A line of a lease journal as versions before networks and clocks were in it wrote it. */
export function oldJournalLine(lease: Lease): string {
  const { mac, address, state, expiresAtMs, startedAtMs, hostname, clientId } = lease;
  const old = { mac, address, state, expiresAtMs, startedAtMs, hostname, clientId };
  const text = JSON.stringify(old);
  return `{"crc":"${crc32(text).toString(16).padStart(8, "0")}","lease":${text}}\n`;
}
