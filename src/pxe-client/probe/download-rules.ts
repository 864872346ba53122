import {
  fileMissing,
  httpBlocked,
  machineDenied,
  mirrorEmpty,
  tftpRefused,
} from "../../boot/causes.ts";
import { filledIn, type Finding, judge, type Rule } from "../../lib/finding.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { BootSource } from "../wire/boot-source.ts";
import type { Fault } from "../wire/failure.ts";

/*
 * Why a download of a boot fails, as rows.
 */

/** A file as a boot fetches it. */
export type FileRole = "loader" | "script" | "kernel" | "initramfs";

const roleNames: Readonly<Record<FileRole, string>> = {
  loader: "the loader",
  script: "the boot script",
  kernel: "the kernel",
  initramfs: "the initramfs",
};

/** What was seen of a file that did not come. */
export interface DownloadFailure {
  readonly role: FileRole;
  readonly source: BootSource;
  readonly fault: Fault;
  /** A closed UDP port was reported by ICMP. */
  readonly portClosed: boolean;
  /** The machine that is played. */
  readonly mac: Mac;
}

/** Why it did not come. */
export function diagnoseDownload(failure: DownloadFailure): Finding {
  const { role, source, fault, portClosed, mac } = failure;
  const name = roleNames[role];
  if (source.kind === "tftp") {
    const { server, file } = source;
    const seen = { file: `${name} ${file}`, server, fault, portClosed };
    return judge(tftpRules, seen) ?? broken(seen.file, server, fault);
  }
  const { url } = source;
  const host = hostOf(url);
  return (
    judge(httpRules, { name, url, host, fault, mac }) ?? broken(`${name}, ${url},`, host, fault)
  );
}

interface TftpFailure {
  readonly file: string;
  readonly server: Ip4;
  readonly fault: Fault;
  readonly portClosed: boolean;
}

export const tftpRules: readonly Rule<TftpFailure>[] = [
  {
    ...fileMissing,
    when: ({ file, server, fault }) =>
      fault.kind === "tftp-error" && fault.code === 1 ? { file, server } : null,
  },
  {
    ...tftpRefused,
    when: ({ file, server, fault }) =>
      fault.kind === "tftp-error"
        ? { file, server, reason: `error ${fault.code}: ${fault.message}` }
        : null,
  },
  {
    code: "tftp-silent",
    cause: "{file} does not come by TFTP: {seen} of {server}",
    remedy:
      "start the TFTP server there, or correct the next server (siaddr, option 66) that the offer names; where one runs, let UDP 69 and the ports that it answers from through the firewalls (tftp.singlePort or tftp.dataPorts narrow them)",
    who: "network",
    when: ({ file, server, fault, portClosed }) => {
      const seen = portClosed ? "nothing listens on UDP 69" : "no answer from UDP 69";
      return fault.kind === "silent" ? { file, server, seen } : null;
    },
  },
];

interface HttpFailure {
  readonly name: string;
  readonly url: string;
  readonly host: string;
  readonly fault: Fault;
  readonly mac: Mac;
}

export const httpRules: readonly Rule<HttpFailure>[] = [
  {
    ...machineDenied,
    when: ({ url, fault, mac }) => {
      const text = textOf(fault, 403);
      return text === null ? null : { mac, reason: `${url} says: ${text}` };
    },
  },
  {
    ...mirrorEmpty,
    when: ({ url, fault }) => {
      const text = textOf(fault, 503);
      return text === null ? null : { url, reason: text };
    },
  },
  {
    code: "url-wrong",
    cause: "the URL of {name} is wrong: {url} gives status 404",
    remedy:
      "correct the URL that the offer or the script names (the node's scriptUrl, boot.script); eim-pxe serves /boot.ipxe and /artifacts/FILE",
    who: "site",
    when: ({ name, url, fault }) => (textOf(fault, 404) === null ? null : { name, url }),
  },
  {
    ...httpBlocked,
    when: ({ name, url, host, fault }) =>
      fault.kind === "silent"
        ? { host, seen: `no answer to the connection for ${name}, ${url}` }
        : null,
  },
  {
    code: "http-refused",
    cause:
      "the HTTP port of {host} refused the connection: nothing listens there for {name}, {url}",
    remedy:
      "start the server there, or correct the port in the URL (http.port, the node's scriptUrl)",
    who: "site",
    when: ({ name, url, host, fault }) =>
      fault.kind === "unreachable" && fault.errno === "ECONNREFUSED" ? { host, name, url } : null,
  },
  {
    code: "unreachable",
    cause: "{host} cannot be reached for {name}, {url}: {errno}",
    remedy: "check the address or name in the URL and the route to it from this link",
    who: "network",
    when: ({ name, url, host, fault }) =>
      fault.kind === "unreachable" ? { host, name, url, errno: fault.errno } : null,
  },
];

/** Whatever else keeps a file from coming. */
export const downloadBroken = {
  code: "download-broken",
  cause: "the download of {file} from {server} failed: {seen}",
  remedy:
    "try again, and look in the log of {server}; a broken link, a wrong MTU or a server that stopped do this",
  who: "site",
} as const satisfies Finding;

function broken(file: string, server: string, fault: Fault): Finding {
  const seen =
    fault.kind === "http-status" ? `status ${fault.status}: ${fault.text}` : "it broke off";
  return filledIn(downloadBroken, { file, server, seen });
}

/** The start of the body of an answer with this status; null for any other fault. */
function textOf(fault: Fault, status: number): string | null {
  return fault.kind === "http-status" && fault.status === status ? fault.text : null;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
