import { z } from "zod";
import {
  domainName,
  fixedOption,
  httpUrl,
  ip4,
  ip4List,
  kernelArgument,
  assetPath,
  loaderPath,
  netmask,
  seconds,
  subnet,
} from "../config/values.ts";
import { nodeHook } from "./hook-schema.ts";
import { localBootSettings } from "../boot/local-boot.ts";
import { type Identity, netbootWords } from "../boot/node.ts";
import { hasWildcard } from "../boot/identity/wildcard.ts";
import { parseIdentity } from "../boot/identity/identity.ts";

/** The nodes file: a list of entries, each for one machine. `docs/configuration.md` explains the keys. */

/** Letters of a script in an entry. */
const MOST_SCRIPT = 262_144;

export const nodeSchema = z
  .strictObject({
    mac: identity(
      "mac",
      "must be a MAC address such as 08:00:27:29:4e:67, or one with * or ?",
      "08:00:27:29:4e:67",
    ).meta({
      description: "The machine's hardware address; `*` stands for any letters, `?` for one.",
    }),
    uuid: identity(
      "uuid",
      "must be a UUID, or one with * or ?",
      "4c4c4544-0035-4a10-8056-b4c04f4d3533",
    ).meta({
      description: "The machine's UUID, as its firmware (SMBIOS) has it; `*` and `?` as above.",
    }),
    serial: identity("serial", "must not be empty", "7XK2M03").meta({
      description:
        "The machine's serial number, as its firmware (SMBIOS) has it; `*` and `?` as above.",
    }),
    name: z
      .string()
      .regex(/^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, "must be a host name")
      .nullable()
      .default(null)
      .meta({
        description:
          "The machine's name here, in the dashboard and the log; mode full tells it to the machine, DHCP option 12.",
        examples: ["press-4"],
      }),
    address: ip4.nullable().default(null).meta({
      description:
        "Mode full: the address that is reserved for the machine, inside or outside of the pools.",
      unset: "one of the pools",
    }),
    netmask: netmask
      .nullable()
      .default(null)
      .meta({
        description: "Mode full: the mask of its network, DHCP option 1.",
        unset: "the network's",
        examples: ["255.255.255.0"],
      }),
    router: ip4List.nullable().default(null).meta({
      description: "Mode full: the router (default gateway), DHCP option 3; `[]` says none.",
      unset: "the network's",
    }),
    dns: z.array(ip4).nullable().default(null).meta({
      description: "Mode full: name servers, DHCP option 6; `[]` says none.",
      unset: "the network's",
    }),
    ntp: z.array(ip4).nullable().default(null).meta({
      description: "Mode full: time servers, DHCP option 42; `[]` says none.",
      unset: "the network's",
    }),
    domain: domainName.nullable().default(null).meta({
      description: "Mode full: the machine's domain, DHCP option 15.",
      unset: "the network's",
    }),
    domainSearch: z.array(domainName).default([]).meta({
      description:
        "Mode full: the domains in which short host names are looked for, DHCP option 119.",
      unset: "the domain",
    }),
    broadcast: ip4
      .nullable()
      .default(null)
      .meta({
        description: "Mode full: the broadcast address, DHCP option 28.",
        unset: "from address and netmask",
        examples: ["192.168.2.255"],
      }),
    leaseSeconds: seconds.nullable().default(null).meta({
      description:
        "Mode full: how long the machine may keep its address before it has to ask again.",
      unset: "the network's",
    }),
    routes: z
      .array(
        z.strictObject({
          to: subnet.meta({
            description: "The network that is reached by this route; `0.0.0.0/0` is everything.",
          }),
          via: ip4.meta({ description: "The router that leads there." }),
        }),
      )
      .default([])
      .meta({
        description: "Mode full: routes to further networks, DHCP option 121.",
        unset: "the network's",
        examples: [[{ to: "10.0.0.0/8", via: "192.168.2.2" }]],
      }),
    options: z
      .array(fixedOption)
      .default([])
      .meta({
        description: "Further DHCP options for this machine, by number.",
        unset: "the network's",
        see: "configuration.md#dhcp-options",
        examples: [[{ code: 26, u16: 1400 }]],
      }),
    dhcp: z
      .boolean()
      .default(true)
      .meta({ description: "`false`: the machine never gets an answer by DHCP." }),
    netboot: z.enum(netbootWords).default("allow").meta({
      description:
        "Whether the machine may boot from the network: `allow`, `deny`, or `once`, until one boot has reached the Micro-OS.",
      see: "booting.md#who-may-boot",
    }),
    localBoot: z.enum(localBootSettings).nullable().default(null).meta({
      description:
        "How the machine is sent on to its own disk when it may not boot from the network.",
      unset: "`boot.localBoot`",
      see: "booting.md#who-may-boot",
      since: "0.2.0",
    }),
    loader: loaderPath.nullable().default(null).meta({
      description: "The loader for this machine.",
      unset: "by its architecture",
      see: "loaders.md",
    }),
    scriptUrl: httpUrl.nullable().default(null).meta({
      description:
        "An iPXE script elsewhere that this machine runs. Mode full names it to iPXE; in mode proxy our script chains to it.",
      unset: "the site's script",
    }),
    script: z
      .string()
      .min(1)
      .max(MOST_SCRIPT)
      .nullable()
      .default(null)
      .meta({
        description:
          "The text of an iPXE script that this machine runs, as it is, in place of the site's; `scriptUrl` goes before it.",
        unset: "the site's script",
        see: "booting.md#a-script-in-a-machines-entry",
        since: "0.2.0",
        examples: ["#!ipxe\nsanboot --no-describe --drive 0x80\n"],
      }),
    isoUrl: httpUrl.nullable().default(null).meta({
      description: "The ISO image that this machine's BMC gets, where `iso` is set.",
      unset: "`iso.source`",
      see: "booting.md#iso-images-for-bmcs",
      since: "0.2.0",
    }),
    hook: nodeHook.nullable().default(null).meta({
      description: "What Tinkerbell's HookOS is told of this machine, with `boot.script: hook`.",
      see: "booting.md#tinkerbells-hookos",
      since: "0.2.0",
    }),
    kernelArgs: z.array(kernelArgument).default([]).meta({
      description:
        "Words that are appended to the kernel's command line, after `boot.kernelArgs`. A Raspberry Pi gets both as `cmdline.txt`.",
    }),
    pxelinux: z
      .string()
      .min(1)
      .max(65_536)
      .nullable()
      .default(null)
      .meta({
        description:
          "What PXELINUX or U-Boot on this machine is told to boot, in PXELINUX's own words (`pxelinux.cfg/01-MAC`). A file of that name in the asset folder goes before it.",
        unset: "the same as iPXE",
        see: "assets.md#pxelinux",
        examples: ["default a\nlabel a\n  kernel debian/linux\n  initrd debian/initrd.gz"],
        since: "0.2.0",
      }),
    raspberryPi: z
      .strictObject({
        config: z
          .string()
          .min(1)
          .max(65_536)
          .nullable()
          .default(null)
          .meta({
            description: "The text of its `config.txt`.",
            unset: "the file of that name",
            examples: ["arm_64bit=1\nkernel=kernel8.img"],
          }),
        firmware: assetPath.nullable().default(null).meta({
          description:
            "The folder below `assets.directory` with the files that are not in the folder of its serial number, so that many share them.",
          unset: "none",
        }),
      })
      .nullable()
      .default(null)
      .meta({
        description: "For a Raspberry Pi that boots by its own boot loader.",
        see: "assets.md#raspberry-pi",
        since: "0.2.0",
      }),
  })
  .refine((node) => node.mac !== null || node.uuid !== null || node.serial !== null, {
    error: "needs at least one of mac, uuid and serial to match a machine by",
  })
  .refine((node) => node.address === null || !hasWildcards(node), {
    path: ["address"],
    error: "is of one machine, and an entry with * or ? is for many",
  });

/** In the form in which machines are compared with it. */
function identity(kind: Identity, error: string, example: string) {
  return z
    .string()
    .meta({ examples: [example] })
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
