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
import { parseMac } from "../lib/mac.ts";

/** The nodes file: a list of entries, each for one machine. `docs/configuration.md` explains the keys. */

export const nodeSchema = z
  .strictObject({
    mac: z
      .string()
      .refine((text) => parseMac(text) !== null, "must be a MAC address such as 08:00:27:29:4e:67")
      .transform((text) => parseMac(text) ?? text)
      .nullable()
      .default(null),
    uuid: z
      .string()
      .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, "must be a UUID")
      .transform((text) => text.toLowerCase())
      .nullable()
      .default(null),
    serial: z.string().min(1).nullable().default(null),
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
    netboot: z.enum(["allow", "deny", "once"]).default("allow"),
    loader: loaderName.nullable().default(null),
    scriptUrl: httpUrl.nullable().default(null),
    kernelArgs: z.array(kernelArgument).default([]),
  })
  .refine((node) => node.mac !== null || node.uuid !== null || node.serial !== null, {
    error: "needs at least one of mac, uuid and serial to match a machine by",
  });

export const nodesSchema = z.array(nodeSchema);
export type NodeInput = z.output<typeof nodeSchema>;
