import type { z } from "zod";
import type { Endpoint, EndpointRequest } from "../api/endpoint.ts";
import { endpoints } from "../api/endpoints.ts";
import { loadSettings } from "../daemon/settings/settings.ts";
import { ConfigError } from "../lib/errors.ts";
import { parseIp4 } from "../lib/ip4.ts";
import { parseMac } from "../lib/mac.ts";
import { requireAdmin, userOf } from "./shared/admin-client.ts";
import { ExitCode, type Program, type ReportOptions } from "./shared/context.ts";

/** `eim-pxe leases pin ADDRESS`: the lease becomes a reservation, which the server keeps beside the nodes file. */
export async function pinLease(
  program: Program,
  text: string,
  options: ReportOptions & { readonly name: string | null },
): Promise<number> {
  const address = parseIp4(text);
  if (address === null) {
    throw new ConfigError([`${text}: must be an IPv4 address such as 192.168.77.100`]);
  }
  const { name } = options;
  const body = name === null ? {} : { name };
  type Pinned = z.output<(typeof endpoints.pinLease)["schema"]["response"][200]>;
  return change<Pinned>(
    program,
    options,
    endpoints.pinLease,
    { params: { address }, body },
    (pin) =>
      pin.name === null
        ? `${pin.address} is reserved for ${pin.mac}.`
        : `${pin.address} is reserved for ${pin.mac}, which is ${pin.name} from now on.`,
  );
}

/** `eim-pxe leases unpin MAC`: its address is no longer reserved. The lease goes on until it expires. */
export async function unpinLease(
  program: Program,
  text: string,
  options: ReportOptions,
): Promise<number> {
  const mac = parseMac(text);
  if (mac === null) {
    throw new ConfigError([`${text}: must be a hardware address such as 08:00:27:29:4e:67`]);
  }
  const body = { kind: "mac", value: mac, address: null };
  return change(
    program,
    options,
    endpoints.decide,
    { body },
    () => `No address is reserved for ${mac} by leases pin any more.`,
  );
}

async function change<T extends object>(
  program: Program,
  { config, json }: ReportOptions,
  endpoint: Endpoint<T>,
  request: EndpointRequest,
  inWords: (reply: T) => string,
): Promise<number> {
  const settings = loadSettings(config, program.environment);
  const admin = await requireAdmin({ ...settings, user: userOf(program) });
  const reply = await admin.ask(endpoint, request);
  if (typeof reply === "string") {
    program.err.write(`The server answered: ${reply}\n`);
    return ExitCode.fault;
  }
  program.out.write(`${json ? JSON.stringify(reply) : inWords(reply)}\n`);
  return ExitCode.ok;
}
