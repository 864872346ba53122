import { z } from "zod";
import { parseIp4 } from "../lib/ip4.ts";
import { parseMac } from "../lib/mac.ts";

/** Kinds of values that several endpoints share. */

/** A moment in ISO 8601, UTC. */
export const moment = z.iso.datetime();

const wrongMac = "must be a hardware address such as 08:00:27:29:4e:67";

/** A hardware address in a path or a query, in any spelling; read as `08:00:27:29:4e:67`. */
export const macInUrl = z
  .string("must be given once")
  .refine((text) => parseMac(text) !== null, { error: wrongMac, abort: true })
  .overwrite((text) => parseMac(text) ?? text);

/** So many machines one request can name. */
const mostMacs = 100;

/** Hardware addresses separated by commas; read as a list without doubles. */
export const macsInUrl = z
  .string("must be given once")
  .refine((text) => text.split(",").every((one) => parseMac(one) !== null), {
    error: wrongMac,
    abort: true,
  })
  .refine((text) => text.split(",").length <= mostMacs, `must name ${mostMacs} machines at most`)
  .transform((text) => [...new Set(text.split(",").map((one) => parseMac(one) ?? one))]);

export const ip4InUrl = z
  .string()
  .refine((text) => parseIp4(text) !== null, "must be an IPv4 address such as 192.168.77.100");
