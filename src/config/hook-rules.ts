import type { Fault } from "./faults.ts";
import { hook as hookKeys } from "./keys/hook.ts";
import { type Config, splitTftpServer } from "./schema.ts";

/** Firmware knows one port of TFTP. */
export function tftpFaults({ tftp: { advertise }, dhcp }: Config): Fault[] {
  const port = advertise === null ? null : (splitTftpServer(advertise)?.port ?? null);
  if (dhcp.compatibility !== "standard" || port === null || port === 69) return [];
  const message = `cannot tell machines the port ${port}: firmware knows no other than 69, and iPXE is told a port with dhcp.compatibility smee only`;
  return [{ path: ["tftp", "advertise"], message }];
}

/** What is said of HookOS means nothing where no machine runs it. */
export function hookFaults({ boot: { script, hook } }: Config): Fault[] {
  if (script === "hook") return [];
  const usual = hookKeys.parse({});
  return (Object.keys(usual) as (keyof typeof usual)[]).flatMap((key) => {
    if (hook[key] === usual[key]) return [];
    return [{ path: ["boot", "hook", key], message: "has no effect without boot.script: hook" }];
  });
}
