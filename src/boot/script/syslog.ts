import { type Ip4, parseIp4 } from "../../lib/ip4.ts";

/** The only port that iPXE and DHCP option 7 know. RFC 5426 3.3. */
export const USUAL_SYSLOG_PORT = 514;

/**
 * Has iPXE send what it says on its console to this address, unless DHCP named another one (option 7). A build without
 * syslog keeps a setting that means nothing.
 *
 * @param server null: nothing is said of it
 */
export function syslogLines(server: Ip4 | null): readonly string[] {
  return server === null ? [] : [`isset \${syslog} || set syslog ${server} ||`];
}

/** The address of a server of ours at this base URL; null where that names it otherwise. */
export function syslogServerAt(baseUrl: string): Ip4 | null {
  return parseIp4(new URL(baseUrl).hostname);
}
