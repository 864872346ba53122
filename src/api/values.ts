import { z } from "zod";
import { parseIp4 } from "../lib/ip4.ts";
import { parseMac } from "../lib/mac.ts";

/** Kinds of values that several endpoints share. */

/** A moment in ISO 8601, UTC. */
export const moment = z.iso.datetime();

const pair = "[0-9A-Fa-f]{2}";
const four = "[0-9A-Fa-f]{4}";
/** What `parseMac` takes, for the OpenAPI document. */
const macStarting = (first: string): string =>
  `${first}(:${pair}){5}|${first}(-${pair}){5}|${first}${pair}(\\.${four}){2}|${first}[0-9A-Fa-f]{10}`;
const anyMac = macStarting(pair);
const byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

/** What `parseIdentity` takes as each kind, for the OpenAPI document. */
export const identityPatterns = {
  mac: `^(${anyMac}|[0-9A-Fa-f:*?-]*[*?][0-9A-Fa-f:*?-]*)$`,
  uuid: `^([0-9A-Fa-f]{8}(-${four}){4}[0-9A-Fa-f]{8}|[0-9A-Fa-f*?-]*[*?][0-9A-Fa-f*?-]*)$`,
  serial: "^[\\s\\S]+$",
} as const;

/** A hardware address as it is written everywhere here, for the OpenAPI document. */
export const macPattern = "^[0-9a-f]{2}(:[0-9a-f]{2}){5}$";
export const ip4Pattern = `^${byte}(\\.${byte}){3}$`;

const wrongMac = "must be a hardware address such as 08:00:27:29:4e:67";

/** A hardware address in a path or a query, in any spelling; read as `08:00:27:29:4e:67`. */
export const macInUrl = z
  .string("must be given once")
  .refine((text) => parseMac(text) !== null, { error: wrongMac, abort: true })
  .overwrite((text) => parseMac(text) ?? text)
  .meta({ pattern: `^(${anyMac})$` });

/** The address of one network card among them: neither of a group (an odd first byte), nor zero. */
export const cardPattern = `^(?![0.:-]*$)(${macStarting("[0-9A-Fa-f][02468ACEace]")})$`;

/** So many machines one request can name. */
const mostMacs = 100;

/** Hardware addresses separated by commas; read as a list without doubles. */
export const macsInUrl = z
  .string("must be given once")
  .meta({ pattern: `^(${anyMac})(,(${anyMac})){0,${mostMacs - 1}}$` })
  .refine((text) => text.split(",").every((one) => parseMac(one) !== null), {
    error: wrongMac,
    abort: true,
  })
  .refine((text) => text.split(",").length <= mostMacs, `must name ${mostMacs} machines at most`)
  .transform((text) => [...new Set(text.split(",").map((one) => parseMac(one) ?? one))]);

export const ip4InUrl = z
  .string()
  .refine((text) => parseIp4(text) !== null, "must be an IPv4 address such as 192.168.77.100")
  .meta({ pattern: ip4Pattern });

/** What a request has as body that takes none: no client has to send one. */
export const nothing = z.object({}).nullish();
