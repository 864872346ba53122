import { z } from "zod";
import { encodeValue, type OptionValue } from "../dhcp/wire/option-values.ts";
import { fromHex } from "../lib/bytes.ts";
import {
  ANY_ADDRESS,
  ip4ToNumber,
  parseIp4,
  parseSubnet,
  prefixLengthOf,
  type Subnet,
  subnetOf,
} from "../lib/ip4.ts";

/** Kinds of values that several keys of the configuration share. */

export const ip4 = z
  .string()
  .refine((text) => parseIp4(text) !== null, "must be an IPv4 address such as 192.168.77.1")
  .meta({ examples: ["192.168.77.1"] });

export const netmask = ip4.refine(
  (text) => parseIp4(text) === null || prefixLengthOf(text) !== null,
  "must be a netmask such as 255.255.255.0",
);

/** One address or a list of them. */
export const ip4List = z.union([ip4.transform((one) => [one]), z.array(ip4)]);

export const subnet = z
  .string()
  .refine((text) => parseSubnet(text) !== null, "must be a network such as 192.168.77.0/24")
  .meta({ examples: ["192.168.77.0/24"] });

/** An address or a network, as a network. */
export const ip4OrSubnet = z
  .string()
  .refine(
    (text) => readIp4OrSubnet(text) !== null,
    "must be an IPv4 address or a network such as 10.20.0.0/16",
  )
  .meta({ examples: ["192.168.77.5", "10.20.0.0/16"] })
  .transform((text): Subnet => readIp4OrSubnet(text) ?? subnetOf(ANY_ADDRESS, 32));

function readIp4OrSubnet(text: string): Subnet | null {
  return parseIp4(text) === null ? parseSubnet(text) : subnetOf(text, 32);
}

/** Labels of 63 letters at most, as option 119 carries them (RFC 1035 3.1). */
export const domainName = z
  .string()
  .max(253)
  .regex(/^([\w-]{1,63}\.)*[\w-]{1,63}\.?$/, "must be a domain name such as site.example")
  .meta({ examples: ["site.example"] });

const ip6 = z.ipv6();

/** As a client names a host, without a port: a name or an address; read in lower case. */
export const hostName = z
  .string()
  .meta({ examples: ["eim-pxe.site.example"] })
  .refine(
    (text) => /^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/i.test(text) || ip6.safeParse(text).success,
    "must be a host name or an address without port, such as pxe.site.example",
  )
  .transform((text) => text.toLowerCase());

export const port = z.int().min(0).max(65535);

/** A file's path; a relative one is relative to the configuration. */
export const filePath = (example: string) =>
  z
    .string()
    .min(1)
    .meta({ examples: [example] });

export const seconds = z.int().min(1).max(0xffffffff);

export const httpUrl = z
  .string()
  .refine(
    (text) => /^https?:\/\/[^/]/.test(text) && URL.canParse(text),
    "must be an http:// or https:// URL",
  )
  .meta({ examples: ["https://tinkerbell-haproxy.example.com/tink-stack"] });

/** What it names is shown in events and messages, so nothing secret may be in it. */
export const openUrl = httpUrl.refine((text) => {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return `${username}${password}` === "";
}, "must be a URL without user name and password");

/** What other URLs are put together from. */
export const originUrl = httpUrl.refine((text) => {
  if (!URL.canParse(text)) return true;
  const { search, hash, username, password } = new URL(text);
  return `${search}${hash}${username}${password}` === "";
}, "must be a URL without query, fragment, user name and password");

/** `192.168.77.100-192.168.77.199` → its two ends. */
export const ip4Range = z
  .string()
  .refine((text) => splitRange(text) !== null, {
    error: "must be two rising addresses such as 192.168.77.100-192.168.77.199",
  })
  .meta({ examples: ["192.168.77.100-192.168.77.199"] })
  .transform((text) => splitRange(text) ?? { first: text, last: text });

/** A range, or one address. */
export const ip4RangeOrOne = z.union([
  ip4.transform((one) => ({ first: one, last: one })),
  ip4Range,
]);

function splitRange(text: string): { first: string; last: string } | null {
  const [first, last, ...rest] = text.split("-").map((part) => part.trim());
  if (first === undefined || last === undefined || rest.length > 0) return null;
  if (parseIp4(first) === null || parseIp4(last) === null) return null;
  return ip4ToNumber(first) <= ip4ToNumber(last) ? { first, last } : null;
}

/** One word of a kernel's command line. */
export const kernelArgument = z
  .string()
  .regex(/^[!-~]+$/, "must be one word of printable ASCII, such as console=ttyS0")
  .meta({ examples: ["console=ttyS0"] });

/** A bare file name; where it is found is the business of `artifacts.loaderDirs`. */
export const loaderName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,126}$/, "must be a bare file name such as ipxe.efi")
  .meta({ examples: ["ipxe.efi"] });

/** The same, or a file of the asset folder with the sub-folder that it is in. */
export const loaderPath = z
  .string()
  .max(127)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/,
    "must be a bare file name such as ipxe.efi, or a file of assets.directory such as grub/core.efi",
  )
  .meta({ examples: ["ipxe.efi"] });

/** A folder below the asset folder. */
export const assetPath = z
  .string()
  .max(255)
  .refine(
    (text) =>
      !text.includes("\0") &&
      text.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
    "must be a folder below assets.directory, such as rpi/bookworm",
  )
  .meta({ examples: ["rpi/bookworm"] });

// RFC 2132 and 3046: the server computes these itself.
const serversOwn: ReadonlySet<number> = new Set([50, 51, 52, 53, 54, 55, 58, 59, 61, 82]);

const code = z
  .int()
  .min(1)
  .max(254)
  .refine((number) => !serversOwn.has(number), {
    error: ({ input }) => `option ${String(input)} is computed by the server and cannot be set`,
  });
const bytes = z.union([
  z.strictObject({ code, u8: z.int().min(0).max(0xff) }),
  z.strictObject({ code, u16: z.int().min(0).max(0xffff) }),
  z.strictObject({ code, u32: z.int().min(0).max(0xffffffff) }),
  z.strictObject({ code, text: z.string().min(1).max(1024) }),
  z.strictObject({ code, hex: z.string().refine((text) => fromHex(text) !== null, "must be hex") }),
  z.strictObject({ code, ip: ip4 }),
  z.strictObject({ code, ips: z.array(ip4).min(1) }),
  z.strictObject({ code, domains: z.array(domainName).min(1) }),
  z.strictObject({ code, routes: z.array(z.strictObject({ to: subnet, via: ip4 })).min(1) }),
]);

/** A DHCP option by number and one value, whose key names its type: `{code: 26, u16: 1400}`. */
export const fixedOption = bytes
  .meta({ examples: [{ code: 26, u16: 1400 }] })
  .transform((option) => ({ code: option.code, value: encodeValue(optionValue(option)) }));

function optionValue(option: z.output<typeof bytes>): OptionValue {
  if ("u8" in option) return { type: "u8", value: option.u8 };
  if ("u16" in option) return { type: "u16", value: option.u16 };
  if ("u32" in option) return { type: "u32", value: option.u32 };
  if ("text" in option) return { type: "text", value: option.text };
  if ("hex" in option) return { type: "bytes", value: fromHex(option.hex) ?? new Uint8Array() };
  if ("ip" in option) return { type: "ip", value: option.ip };
  if ("ips" in option) return { type: "ips", value: option.ips };
  if ("domains" in option) return { type: "domains", value: option.domains };
  const routes = option.routes.flatMap(({ to, via }) => {
    const network = parseSubnet(to);
    return network === null ? [] : [{ ...network, via }];
  });
  return { type: "routes", value: routes };
}
