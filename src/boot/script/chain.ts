import { failureReport, keepError } from "./failure-report.ts";

/**
 * A script that does nothing but run the one at `url`, for machines whose node entry names another
 * script than ours. It tries a few times, then restarts the machine; it never stands still.
 *
 * @param eventsUrl where it reports that the other script could not be fetched or failed
 */
export function chainScript(url: string, eventsUrl: string): string {
  return [
    "#!ipxe",
    "set eim-try:int32 0",
    ":eim-again",
    `chain --replace ${oneWord(url)} ||`,
    keepError,
    "inc eim-try",
    ...failureReport(eventsUrl),
    "iseq ${eim-try} 3 && goto eim-give-up ||",
    "echo eim-pxe: the script of this machine could not be fetched (${eim-errno}), trying again in 10 seconds",
    "sleep 10 ||",
    "goto eim-again",
    ":eim-give-up",
    "echo eim-pxe: the script of this machine could not be fetched, restarting in 30 seconds",
    "sleep 30 ||",
    // Builds without `reboot` give the machine back to its firmware.
    "reboot || exit 1",
    "",
  ].join("\n");
}

/** The text of a machine's own script, which iPXE takes for one by its first line only. */
export function ownScript(text: string): string {
  const whole = text.endsWith("\n") ? text : `${text}\n`;
  return /^#!ipxe(\s|$)/.test(whole) ? whole : `#!ipxe\n${whole}`;
}

/** A blank or a line break would end the command; iPXE's own `${…}` stays. */
function oneWord(url: string): string {
  return url.replace(/[\s\p{Cc}]/gu, encodeURIComponent);
}
