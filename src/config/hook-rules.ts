import type { Fault } from "./faults.ts";
import { httpUrl } from "./values.ts";
import { hook as hookKeys } from "./keys/hook.ts";
import { type Config, splitTftpServer } from "./schema.ts";

/** Firmware knows one port of TFTP. */
export function tftpFaults({ tftp: { advertise }, dhcp }: Config): Fault[] {
  const port = advertise === null ? null : (splitTftpServer(advertise)?.port ?? null);
  if (dhcp.compatibility !== "standard" || port === null || port === 69) return [];
  const message = `cannot tell machines the port ${port}: firmware knows no other than 69, and iPXE is told a port with dhcp.compatibility smee only`;
  return [{ path: ["tftp", "advertise"], message }];
}

/** Other scripts are the site's own, and ask for signatures themselves. */
export function imgverifyFaults({ boot }: Config): Fault[] {
  const { imgverify, script, path, scriptUrl } = boot;
  const isOurs = script === "mirror" && path === "mirror" && scriptUrl === null;
  if (imgverify !== "required" || isOurs) return [];
  const message =
    "cannot be required here: only the orchestrator's script (boot.script: mirror) is made to check signatures; a script of your own has to ask for imgverify itself";
  return [{ path: ["boot", "imgverify"], message }];
}

/** What is said of HookOS means nothing where no machine runs it. */
export function hookFaults({ boot: { script, hook }, iso }: Config): Fault[] {
  if (script === "hook") return [];
  const usual = hookKeys.parse({});
  return scriptKeys.flatMap((key) => {
    if (hook[key] === usual[key] || (iso !== null && isoKeys.has(key))) return [];
    const message = isoKeys.has(key)
      ? "has no effect without boot.script: hook or iso"
      : "has no effect without boot.script: hook";
    return [{ path: ["boot", "hook", key], message }];
  });
}

/** What is written into images, too. */
const isoKeys: ReadonlySet<string> = new Set(["tinkServer", "tls", "syslogHost"]);
const scriptKeys = [
  "url",
  "kernel",
  "initrd",
  "tinkServer",
  "tls",
  "insecureTls",
  "syslogHost",
  "retries",
  "retryDelaySeconds",
] as const;

/** The image has to be a file, or a URL that can be asked for. */
export function isoFaults({ iso }: Config): Fault[] {
  const source = iso?.source ?? null;
  if (source === null || !/^[a-z][a-z0-9+.-]*:\/\//i.test(source)) return [];
  if (httpUrl.safeParse(source).success) return [];
  return [{ path: ["iso", "source"], message: "must be a path, or an http:// or https:// URL" }];
}
