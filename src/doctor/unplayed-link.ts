import { CLIENT_PORT } from "../dhcp/message/destination.ts";
import type { BindError } from "../lib/errors.ts";
import type { NetworkInterface, UsableInterface } from "../net/interfaces.ts";
import type { CheckLine } from "./check.ts";
import { refused } from "./evidence/bindings.ts";
import { interfaceCheck } from "./rules/host.ts";
import { portsCheck, privilegesCheck } from "./rules/ports.ts";

/* Why no firmware can be played on a link from this host, in the lines that the checks of a configuration have for it. */

/** The faults of an interface that has no address to play from. */
export function interfaceFaults(
  name: string,
  interfaces: readonly NetworkInterface[],
): Promise<readonly CheckLine[]> {
  const link = { name, address: null, mode: "proxy", ours: null } as const;
  return interfaceCheck.run({ links: [link], interfaces });
}

/** Why the client's port cannot be had. */
export async function clientPortFaults(
  { name, address }: UsableInterface,
  error: BindError,
): Promise<readonly CheckLine[]> {
  const socket = `UDP ${address}:${CLIENT_PORT} on ${name}`;
  const binding = await refused(socket, CLIENT_PORT, error);
  const site = { bindings: () => Promise.resolve([binding]), running: null };
  const lines = [...(await privilegesCheck.run(site)), ...(await portsCheck.run(site))];
  return lines.filter(({ status }) => status === "fail");
}
