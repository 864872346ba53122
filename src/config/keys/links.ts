import { z } from "zod";
import { smeeCompatibilities } from "../../boot/smee-layout.ts";
import {
  domainName,
  fixedOption,
  ip4,
  ip4List,
  ip4Range,
  ip4RangeOrOne,
  seconds,
  subnet,
} from "../values.ts";

/** `interfaces`: the network links that are served, and what mode full hands out on them. */

/** What mode full hands out in a network. */
export const network = z.strictObject({
  pools: z.array(ip4Range).default([]).meta({
    description:
      "Mode full: the addresses that may be given to machines, as ranges. Leave out those of routers, printers and servers.",
    unset: "none: only machines with a reservation in the nodes file get an address",
    see: "full-dhcp.md",
  }),
  exclude: z.array(ip4RangeOrOne).default([]).meta({
    description:
      "Mode full: addresses and ranges inside the pools that are not given out. A reservation may name one.",
    since: "0.2.0",
  }),
  router: ip4List.default([]).meta({
    description:
      "Mode full: the router (default gateway) that machines are told, DHCP option 3. Without one they reach this network only.",
  }),
  dns: z.array(ip4).default([]).meta({
    description: "Mode full: the name servers that machines are told, DHCP option 6.",
  }),
  ntp: z.array(ip4).default([]).meta({
    description: "Mode full: the time servers that machines are told, DHCP option 42.",
  }),
  domain: z
    .string()
    .min(1)
    .max(253)
    .nullable()
    .default(null)
    .meta({
      description:
        "Mode full: the domain that machines complete short host names with, DHCP option 15.",
      examples: ["site.example"],
    }),
  domainSearch: z.array(domainName).default([]).meta({
    description:
      "Mode full: the domains in which machines look for short host names, DHCP option 119.",
    unset: "none, or the domain of a machine's entry",
    since: "0.2.0",
  }),
  logServers: z.array(ip4).default([]).meta({
    description: "Mode full: the syslog servers that machines are told, DHCP option 7.",
    unset: "none, or this server where `syslog.port` is 514",
  }),
  leaseSeconds: seconds.default(3600).meta({
    description:
      "Mode full: how long an operating system may keep its address before it has to ask again.",
  }),
  netbootLeaseSeconds: seconds.default(120).meta({
    description:
      "Mode full: the same for firmware and iPXE, which need an address for a minute or two only. Short, so that a machine that boots several times does not hold several addresses.",
  }),
  options: z
    .array(fixedOption)
    .default([])
    .meta({
      description: "Mode full: further DHCP options, by number.",
      see: "configuration.md#dhcp-options",
      examples: [[{ code: 26, u16: 1400 }]],
    }),
});

const linkDhcp = network
  .extend({
    mode: z.enum(["proxy", "full", "off"]).default("proxy").meta({
      description:
        "`proxy`: the site's own DHCP server gives out the addresses, and eim-pxe adds what to boot. `full`: eim-pxe is the site's DHCP server. `off`: no DHCP at all, TFTP and HTTP only.",
      see: "../README.md#modes",
    }),
    subnet: subnet
      .nullable()
      .default(null)
      .meta({
        description: "Mode full: the network that the addresses are from.",
        unset: "the network of the interface's address",
        examples: ["192.168.77.0/24"],
      }),
    relayed: z
      .array(
        network.extend({
          subnet: subnet.meta({
            description:
              "Mode full: the network behind the relay agent. Beside it stand the same keys as for the link itself, from `pools` to `options`; nothing is taken over from the link.",
          }),
        }),
      )
      .default([])
      .meta({
        description:
          "Mode full: further networks whose requests a relay agent (a router's DHCP helper) sends here.",
        see: "configuration.md#networks-behind-relay-agents",
      }),
  })
  .prefault({})
  .meta({ description: "What DHCP does on this link." });

const link = z.strictObject({
  name: z
    .string()
    .regex(/^[^\s/]{1,15}$/, "must be the name of a network interface, such as eth1")
    .meta({
      description:
        "The network interface of this host that the machines are on, as `ip link` shows it.",
      examples: ["eth1"],
    }),
  address: ip4.nullable().default(null).meta({
    description:
      "This host's address on the link, where it has several: machines fetch their files from it.",
    unset: "the interface's first IPv4 address",
  }),
  advertise: ip4.nullable().default(null).meta({
    description:
      "The address that machines are told in its place, where they reach this host by another one: behind NAT, a load balancer or a Kubernetes Service. It is in DHCP option 54, the next server and every URL; the ports stay the same.",
    unset: "the address itself",
    see: "configuration.md#behind-another-address",
    since: "0.2.0",
  }),
  dhcp: linkDhcp,
});

export const interfaces = z.array(link).default([]).meta({
  description:
    "The network links that are served, an entry for each. On any other link nothing is answered.",
  unset: "the only network card that is up",
  see: "configuration.md#without-interfaces",
});

export const dhcp = z
  .strictObject({
    compatibility: z
      .enum(["standard", ...smeeCompatibilities])
      .default("standard")
      .meta({
        description:
          "`smee`, `smee-2026-10` and `smee-standalone` answer byte for byte as Tinkerbell SMEE does, for sites that come from it: the monorepo's of August 2026, the same with its defaults for name servers and search lists (the link's `dns` and `domainSearch`), and the last standalone one.",
        see: "migrating-from-smee.md",
      }),
    authoritative: z.boolean().default(true).meta({
      description:
        "Mode full: tell machines at once (DHCPNAK) that an address from elsewhere is wrong here. On a link without `pools` this holds for machines that have an entry; others are left to another server.",
    }),
    allowOtherServers: z.boolean().default(false).meta({
      description:
        "Mode full: `false` looks for other DHCP servers for some seconds at the start and does not start beside one, since two are an outage. `true` starts at once, reports the other one (`other-dhcp-server`), and is not authoritative: for sites where both are meant to be there and have no address in common.",
    }),
  })
  .prefault({})
  .meta({ description: "DHCP on all links." });
