import { z } from "zod";
import { ANY_ADDRESS, parseIp4, parseSubnet } from "../../lib/ip4.ts";
import { port } from "../values.ts";

/** `tftp`: the protocol by which firmware fetches its loader. */

const portRange = z
  .string()
  .regex(/^[0-9]{1,5}-[0-9]{1,5}$/, 'must be a range of ports such as "40000-40999"')
  .refine((text) => {
    const [first = 0, last = 0] = text.split("-").map(Number);
    return first >= 1 && first <= last && last <= 65535;
  }, "must be a rising range within 1 to 65535")
  .meta({ examples: ["40000-40999"] });

/** Who is answered: the networks of the served links, everybody, or a network. */
const clients = z
  .string()
  .refine(
    (text) => text === "links" || text === "any" || parseSubnet(text) !== null,
    "must be links, any or a network such as 10.20.0.0/16",
  )
  .meta({ examples: ["links", "any", "10.20.0.0/16"] });

/** An address, or an address and a port. */
const elsewhere = z
  .string()
  .refine((text) => splitTftpServer(text) !== null, {
    error: "must be an IPv4 address such as 192.168.77.5, or one with a port",
  })
  .meta({ examples: ["192.168.77.5"] });

/** `192.168.77.5:1069` → its parts; null when it is none. */
export function splitTftpServer(
  text: string,
): { readonly address: string; readonly port: number | null } | null {
  const [host = "", digits, ...rest] = text.split(":");
  if (parseIp4(host) === null || host === ANY_ADDRESS || rest.length > 0) return null;
  if (digits === undefined) return { address: host, port: null };
  const isPort = /^[1-9][0-9]{0,4}$/.test(digits) && Number(digits) <= 65_535;
  return isPort ? { address: host, port: Number(digits) } : null;
}

export const tftp = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description:
        "Whether TFTP is served. Without it only UEFI HTTP boot and iPXE in the card work.",
    }),
    port: port.default(69).meta({
      description: "The UDP port that requests come to. Firmware knows no other one than 69.",
    }),
    advertise: elsewhere.nullable().default(null).meta({
      description:
        "Another host that serves the loaders by TFTP, which machines are told in our place; its files must have the names that ours have. A port goes with `dhcp.compatibility: smee` only, for iPXE.",
      unset: "this host",
      see: "configuration.md#tftp-on-another-host",
      since: "0.2.0",
    }),
    singlePort: z.boolean().default(false).meta({
      description:
        "Send everything from the port above, for firewalls, NAT and load balancers that let nothing else through. Otherwise each transfer has a port of its own.",
      see: "network.md#firewalls",
    }),
    maxBlockSize: z.int().min(8).max(65464).default(1468).meta({
      description:
        "The largest `blksize` (bytes of the file in a packet) that is granted; 1468 fits an Ethernet frame. Never more than one packet of the link's MTU carries.",
      unit: "bytes",
    }),
    maxWindowSize: z.int().min(1).max(65535).default(64).meta({
      description:
        "The largest `windowsize` (packets in a row without an answer, RFC 7440) that is granted.",
      unit: "packets",
    }),
    maxTransfers: z.int().min(1).default(1000).meta({
      description:
        "Transfers at the same time. Who asks when all slots are taken gets one when it asks again, as firmware does for half a minute; only an address that has transfers is told to try again (ERROR 0). A client that has not answered for two seconds loses its slot to a new one, also before that where half of all slots are of such clients; while all answer, only an address that holds half of them does. One address may also request that many at once and a tenth of it each second that it does not answer.",
      unit: "transfers",
    }),
    dataPorts: portRange.nullable().default(null).meta({
      description:
        "The UDP ports that transfers answer from, so that a firewall can let them through. Each transfer has one, so no more run at the same time.",
      unset: "any free one",
      see: "network.md#firewalls",
    }),
    allowFrom: z
      .union([clients.transform((one) => [one]), z.array(clients).min(1)])
      .default(["links"])
      .meta({
        description:
          "Who TFTP answers. `links`: the networks of the served links and those behind their relay agents. `any`: everybody. Or a network.",
        unset: "`links`",
        see: "configuration.md#who-tftp-answers",
        since: "0.2.0",
      }),
  })
  .prefault({})
  .meta({ description: "TFTP, by which firmware fetches its loader." });
