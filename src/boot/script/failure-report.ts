/*
 * What a script reports to us. A report can never stop a boot. It is a GET: the `params` command of a form
 * post is missing from Debian's builds of iPXE (seen with 1.0.0+git-20190125 and 1.21.1+git20250501).
 */

/** How iPXE tells which machine it runs on. */
export const IDENTITY_QUERY = "mac=${mac:hexhyp}&uuid=${uuid}&serial=${serial:uristring}";
/** What the machine is and what runs on it. Settings that are not there are empty. */
const traits =
  "version=${version:uristring}&platform=${platform}&manufacturer=${manufacturer:uristring}&product=${product:uristring}";
const image = "eim-beacon";

/** A report that a stage was reached. */
export function beacon(eventsUrl: string, stage: string): readonly string[] {
  return [`${fetchOf(eventsUrl, stage)} ||`, `imgfree ${image} ||`];
}

/** A report of something beside the stages, with the error that `keepError` kept. */
export function report(eventsUrl: string, stage: string, message: string): readonly string[] {
  return [`${fetchOf(eventsUrl, stage, message)}&errno=\${eim-errno} ||`, `imgfree ${image} ||`];
}

/**
 * To be the first line after a command failed: `errno` is its error until the next command fails. `hexraw` is as
 * the code on the screen, without separators.
 */
export const keepError = "set eim-errno ${errno:hexraw} ||";

/**
 * A report that the script failed, with the error that `keepError` kept. Where HTTP itself fails, the request
 * for a file by TFTP is the report: its name has the error, and nobody expects that there is such a file.
 */
export function failureReport(eventsUrl: string): readonly string[] {
  const host = new URL(eventsUrl).hostname;
  return [
    `${fetchOf(eventsUrl, "failed")}&errno=\${eim-errno} && goto eim-reported ||`,
    `imgfetch --timeout 3000 tftp://${host}/${errorFile}\${eim-errno} ||`,
    ":eim-reported",
    `imgfree ${image} ||`,
  ];
}

function fetchOf(eventsUrl: string, stage: string, message = "try-${eim-try}"): string {
  const query = `stage=${stage}&${IDENTITY_QUERY}&message=${message}&${traits}`;
  return `imgfetch --timeout 3000 --name ${image} ${eventsUrl}?${query}`;
}

const errorFile = "eim-errno-";

/**
 * The error that the request for a file by TFTP reports, in lower case, empty where the script did not know it;
 * null for any other file.
 */
export function reportedError(file: string): string | null {
  return /^[/\\]*eim-errno-([0-9a-f]{0,8})$/i.exec(file)?.[1]?.toLowerCase() ?? null;
}
