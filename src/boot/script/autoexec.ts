import type { Ip4 } from "../../lib/ip4.ts";
import { failureReport, IDENTITY_QUERY, keepError } from "./failure-report.ts";
import { LOCAL_BOOT_SETTING } from "./local-boot.ts";
import { retryBlock } from "./retry.ts";
import { syslogLines } from "./syslog.ts";

/** How often a machine asks for its script before it restarts. */
const AUTOEXEC_ATTEMPTS = 5;

export interface AutoexecUrls {
  readonly bootUrl: string;
  /** Where a failure is reported to. */
  readonly eventsUrl: string;
  /** Where its log is taken; null or absent: nowhere. */
  readonly syslog?: Ip4 | null;
}

/**
 * The script that iPXE (1.21 and later) fetches by itself from the folder of the loader: get an
 * address by IPv4, fetch `bootUrl` with the machine's identity, run it. It tries first the
 * interfaces that already have an address from the firmware's DHCP, then every other one. What went wrong with
 * the script is reported while the interface is still open.
 */
export function autoexecScript({ bootUrl, eventsUrl, syslog = null }: AutoexecUrls): string {
  return [
    "#!ipxe",
    "set eim-try:int32 0",
    ":eim-again",
    "set eim-pass known",
    ":eim-pass",
    "set eim-nic:int32 0",
    ":eim-nic",
    "isset ${net${eim-nic}/mac} || goto eim-pass-done",
    "iseq ${eim-pass} all || isset ${net${eim-nic}/ip} || goto eim-next",
    "echo eim-pxe: asking for an address on net${eim-nic} (${net${eim-nic}/mac})",
    // A bare `dhcp` or `ifconf` also waits about 16 seconds for IPv6 routers.
    "ifconf -c dhcp net${eim-nic} || goto eim-close",
    ...syslogLines(syslog),
    `chain --timeout 15000 ${bootUrl}?${IDENTITY_QUERY} && exit 0 ||`,
    keepError,
    `isset \${${LOCAL_BOOT_SETTING}} && exit 1 ||`,
    ...failureReport(eventsUrl),
    ":eim-close",
    // `${mac}` and `${ip}` mean the interface opened last: none that failed may stay open.
    "ifclose net${eim-nic} ||",
    ":eim-next",
    "inc eim-nic",
    "goto eim-nic",
    ":eim-pass-done",
    "iseq ${eim-pass} all && goto eim-failed ||",
    "set eim-pass all",
    "goto eim-pass",
    ":eim-failed",
    `echo eim-pxe: ${bootUrl} could not be fetched on any network interface (\${eim-errno})`,
    "inc eim-try",
    ...retryBlock(AUTOEXEC_ATTEMPTS),
    "",
  ].join("\n");
}
