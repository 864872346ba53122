import { z } from "zod";
import { parseIp4 } from "../lib/ip4.ts";
import { parseMac } from "../lib/mac.ts";

/** Kinds of values that several endpoints share. */

/** A moment in ISO 8601, UTC. */
export const moment = z.iso.datetime();

/** A hardware address in a path or a query, in any spelling; read as `08:00:27:29:4e:67`. */
export const macInUrl = z
  .string("must be given once")
  .refine((text) => parseMac(text) !== null, {
    error: "must be a hardware address such as 08:00:27:29:4e:67",
    abort: true,
  })
  .overwrite((text) => parseMac(text) ?? text);

export const ip4InUrl = z
  .string()
  .refine((text) => parseIp4(text) !== null, "must be an IPv4 address such as 192.168.77.100");
