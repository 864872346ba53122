import type { Boot } from "../boot.ts";
import type { BootEvidence } from "./evidence.ts";
import { trustStages } from "../../boot/script/image-trust.ts";
import type { Observations } from "../observations.ts";

/** No more than a person reads. */
const most = 12;

interface Fact {
  readonly atMs: number;
  readonly text: string;
}

/** Of the boots in a row before this one, so many of the latest. */
const mostBefore = 3;

/**
 * What was seen of a boot, in the order in which it happened, each with how long after its start. Of the boots
 * in a row before it, how far each came: a cause may lie in the repetition.
 */
export function factsOf({ boot, earlier }: Pick<BootEvidence, "boot" | "earlier">) {
  const before = earlier
    .slice(0, Math.min(boot.attempt - 1, mostBefore))
    .toReversed()
    .flatMap(({ steps }) => steps.at(-1) ?? [])
    .map(
      ({ stage, lastAtMs }) =>
        `${secondsOf(boot.startedAtMs - lastAtMs)} s before, in another boot: ${stage}`,
    );
  return [...before, ...ownFactsOf(boot)];
}

function secondsOf(ms: number): string {
  return (ms / 1000).toFixed(1);
}

function ownFactsOf(boot: Boot): readonly string[] {
  const steps = boot.steps.map(({ stage, lastAtMs, count }) => ({
    atMs: lastAtMs,
    text: count === 1 ? stage : `${stage} (${count} times)`,
  }));
  return [...steps, ...observationsOf(boot.seen)]
    .toSorted((a, b) => a.atMs - b.atMs)
    .slice(-most)
    .map(({ atMs, text }) => `${secondsOf(atMs - boot.startedAtMs)} s: ${text}`);
}

function observationsOf(seen: Observations): readonly Fact[] {
  const { tftpRefused, tftpFailed, httpRefused, failed, dhcpFailed } = seen;
  return [
    ...seen.competing.map(({ atMs, server, offered, pxe, bootFile }) => ({
      atMs,
      text:
        `the DHCP server ${server} offered ${offered ?? "no address"}` +
        `${pxe ? ", option 60 PXEClient" : ""}${bootFile ? ", a boot file" : ""}`,
    })),
    ...at(seen.addressAtMs, "it took an address"),
    ...at(seen.systemAtMs, "an operating system on it asked for an address"),
    ...at(seen.addressRefused?.atMs, `its address was refused: ${seen.addressRefused?.reason}`),
    ...at(seen.declined?.atMs, "it declined its address"),
    ...at(seen.tftpProbedAtMs, "it asked for the loader's size"),
    ...at(seen.autoexecAtMs, "iPXE fetched autoexec.ipxe"),
    ...at(seen.kernelDoneAtMs, "the kernel's last byte left"),
    ...at(seen.bootingAtMs, "the machine reported that it starts the kernel"),
    ...at(dhcpFailed?.atMs, `its DHCP request was not answered: ${dhcpFailed?.reason}`),
    ...at(tftpRefused?.atMs, `TFTP refused ${tftpRefused?.file}: ${tftpRefused?.reason}`),
    ...at(
      tftpFailed?.atMs,
      `the TFTP transfer of ${tftpFailed?.file} was given up, with ${inWords(tftpFailed?.bytesSent)} sent: ${tftpFailed?.reason}`,
    ),
    ...at(
      httpRefused?.atMs,
      `HTTP refused ${httpRefused?.path} with status ${httpRefused?.status}: ${httpRefused?.reason}`,
    ),
    ...at(
      failed?.atMs,
      `the machine reported that its script failed${failed?.errno ? ` with error ${failed.errno}` : ""}`,
    ),
    ...at(seen.trust?.atMs, trustInWords(seen.trust)),
    ...at(seen.logged?.atMs, `its log says: ${seen.logged?.text}`),
    ...seen.aborted.map(({ atMs, file, bytesSent }) => ({
      atMs,
      text: `the machine broke off the download of ${file} after ${inWords(bytesSent)}`,
    })),
  ];
}

function trustInWords(trust: Observations["trust"]): string {
  return trust?.stage === trustStages.refused
    ? `the machine reported that the signature of ${trust.message ?? "a file"} does not hold`
    : "the machine reported that its iPXE has no imgverify";
}

function inWords(bytes = 0): string {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${Math.round(bytes / 1e6)} MB`;
}

function at(atMs: number | null | undefined, text: string): readonly Fact[] {
  return atMs === null || atMs === undefined ? [] : [{ atMs, text }];
}
