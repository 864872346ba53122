import type { BootSource } from "../wire/boot-source.ts";
import type { Fault } from "../wire/failure.ts";

/** Stable names of the causes, for scripts. */
export type CauseCode =
  | "no-server"
  | "no-address"
  | "no-boot-information"
  | "machine-denied"
  | "unusable-offer"
  | "unbeatable-server"
  | "boot-server-silent"
  | "file-missing"
  | "tftp-refused"
  | "tftp-silent"
  | "http-refused"
  | "http-blocked"
  | "url-wrong"
  | "mirror-empty"
  | "unreachable"
  | "script-unusable"
  | "download-broken";

export interface Diagnosis {
  readonly code: CauseCode;
  /** What is likely wrong, naming the server, the file or the port. */
  readonly cause: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** A file as a boot fetches it. */
export type FileRole = "loader" | "script" | "kernel" | "initramfs";

const roleNames: Readonly<Record<FileRole, string>> = {
  loader: "the loader",
  script: "the boot script",
  kernel: "the kernel",
  initramfs: "the initramfs",
};

export function diagnoseTftp(
  role: FileRole,
  { server, file }: Extract<BootSource, { kind: "tftp" }>,
  fault: Fault,
  portClosed: boolean,
): Diagnosis {
  const name = `${roleNames[role]} ${file}`;
  const place = `the TFTP server ${server}`;
  switch (fault.kind) {
    case "tftp-error":
      if (fault.code === 1) {
        return {
          code: "file-missing",
          cause: `${name} is missing: ${place} says there is no such file`,
          remedy: `put it into a folder of artifacts.loaderDirs (apt-get install ipxe brings loaders), or name another under boot.loaders or the node's loader`,
        };
      }
      return {
        code: "tftp-refused",
        cause: `${place} refused ${name}: error ${fault.code}: ${fault.message}`,
        remedy: `look in the log of ${server} for this transfer`,
      };
    case "silent":
      return portClosed
        ? {
            code: "tftp-silent",
            cause: `nothing listens on UDP 69 of ${server}, where ${name} should come from`,
            remedy: `start the TFTP server there, or correct the next server (siaddr, option 66) that the offer names`,
          }
        : {
            code: "tftp-silent",
            cause: `${place} is silent: no answer from UDP 69, where ${name} should come from`,
            remedy: `a firewall drops UDP 69 or the ports that TFTP answers from (tftp.singlePort or tftp.dataPorts narrow them), or ${server} is not there`,
          };
    case "unreachable":
    case "http-status":
    case "broken":
      return broken(name, `TFTP from ${server}`);
  }
}

export function diagnoseHttp(role: FileRole, url: string, fault: Fault): Diagnosis {
  const host = hostOf(url);
  const name = roleNames[role];
  switch (fault.kind) {
    case "http-status":
      return diagnoseStatus(role, url, fault.status, fault.text);
    case "silent":
      return {
        code: "http-blocked",
        cause: `the HTTP port of ${host} is blocked: no answer to the connection for ${name}, ${url}`,
        remedy: `let TCP to ${host} through the firewalls between this link and it`,
      };
    case "unreachable":
      if (fault.errno === "ECONNREFUSED") {
        return {
          code: "http-refused",
          cause: `the HTTP port of ${host} refused the connection: nothing listens there for ${name}, ${url}`,
          remedy: `start the server there, or correct the port in the URL (http.port, the node's scriptUrl)`,
        };
      }
      return {
        code: "unreachable",
        cause: `${host} cannot be reached for ${name}, ${url}: ${fault.errno}`,
        remedy: `check the address or name in the URL and the route to it from this link`,
      };
    case "tftp-error":
    case "broken":
      return broken(name, url);
  }
}

function diagnoseStatus(role: FileRole, url: string, status: number, text: string): Diagnosis {
  const name = roleNames[role];
  if (status === 403) {
    return {
      code: "machine-denied",
      cause: `this machine is denied ${name}, ${url}: ${text}`,
      remedy: `in the nodes file: netboot: allow for it, or nodes.unknown: allow for all`,
    };
  }
  if (status === 503) {
    return {
      code: "mirror-empty",
      cause: `the mirror is empty: ${url} gives status 503: ${text}`,
      remedy: `run eim-pxe sync and see what it says; event sync-failed in the server's log has the reason`,
    };
  }
  if (status === 404) {
    return {
      code: "url-wrong",
      cause: `the URL of ${name} is wrong: ${url} gives status 404`,
      remedy: `correct the URL that the offer or the script names (the node's scriptUrl, boot.script); eim-pxe serves /boot.ipxe and /artifacts/FILE`,
    };
  }
  return {
    code: "download-broken",
    cause: `${name}, ${url}, gives status ${status}: ${text}`,
    remedy: `look in the log of the server for this request`,
  };
}

function broken(name: string, from: string): Diagnosis {
  return {
    code: "download-broken",
    cause: `the download of ${name} broke off (${from})`,
    remedy: `try again; a broken link, a wrong MTU or a server that stopped do this`,
  };
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
