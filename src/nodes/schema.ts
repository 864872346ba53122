import { z } from "zod";
import {
  domainName,
  fixedOption,
  httpUrl,
  ip4,
  ip4List,
  kernelArgument,
  loaderName,
  netmask,
  seconds,
  subnet,
} from "../config/values.ts";
import { localBootSettings } from "../boot/local-boot.ts";
import { type Identity, netbootWords } from "../boot/node.ts";
import { hasWildcard } from "../boot/identity/wildcard.ts";
import { parseIdentity } from "../boot/identity/identity.ts";

/** The nodes file: a list of entries, each for one machine. `docs/configuration.md` explains the keys. */

export const nodeSchema = z
  .strictObject({
    mac: identity("mac", "must be a MAC address such as 08:00:27:29:4e:67, or one with * or ?"),
    uuid: identity("uuid", "must be a UUID, or one with * or ?"),
    serial: identity("serial", "must not be empty"),
    name: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "must be a host name")
      .nullable()
      .default(null),
    address: ip4.nullable().default(null),
    netmask: netmask.nullable().default(null),
    router: ip4List.nullable().default(null),
    dns: z.array(ip4).nullable().default(null),
    ntp: z.array(ip4).nullable().default(null),
    domain: domainName.nullable().default(null),
    domainSearch: z.array(domainName).default([]),
    broadcast: ip4.nullable().default(null),
    leaseSeconds: seconds.nullable().default(null),
    routes: z
      .array(
        z.strictObject({
          to: subnet,
          via: ip4,
        }),
      )
      .default([]),
    options: z.array(fixedOption).default([]),
    dhcp: z.boolean().default(true),
    netboot: z.enum(netbootWords).default("allow"),
    localBoot: z.enum(localBootSettings).nullable().default(null),
    loader: loaderName.nullable().default(null),
    scriptUrl: httpUrl.nullable().default(null),
    kernelArgs: z.array(kernelArgument).default([]),
  })
  .refine((node) => node.mac !== null || node.uuid !== null || node.serial !== null, {
    error: "needs at least one of mac, uuid and serial to match a machine by",
  })
  .refine((node) => node.address === null || !hasWildcards(node), {
    path: ["address"],
    error: "is of one machine, and an entry with * or ? is for many",
  });

/** In the form in which machines are compared with it. */
function identity(kind: Identity, error: string) {
  return z
    .string()
    .refine((text) => parseIdentity(kind, text) !== null, error)
    .transform((text) => parseIdentity(kind, text) ?? text)
    .nullable()
    .default(null);
}

function hasWildcards({ mac, uuid, serial }: Record<Identity, string | null>): boolean {
  return [mac, uuid, serial].some((text) => text !== null && hasWildcard(text));
}

export const nodesSchema = z.array(nodeSchema);
export type NodeInput = z.output<typeof nodeSchema>;
