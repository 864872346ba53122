import { z } from "zod";
import { readYaml } from "../config/yaml.ts";
import { ConfigError } from "../lib/errors.ts";
import {
  addresses,
  bootOptions,
  hostName,
  ipOf,
  line,
  netmaskOf,
  orNull,
  positive,
  webUrl,
  word,
  words,
} from "./hardware-values.ts";
import { checkPlaced, type PlacedEntry, type PlacedResult } from "./placed-entries.ts";

/*
 * Tinkerbell's `Hardware` objects as entries: of a file, or of a Kubernetes cluster. Each network interface that names
 * a MAC address is an entry. What has no counterpart here is not looked at.
 */

const text = z.string().nullish();
const list = z.array(z.string()).nullish();
const yes = z.boolean().nullish();

const isoboot = z.looseObject({ sourceISO: text }).nullish();
const ipxe = z.looseObject({ url: text, binary: text, contents: text, script: text }).nullish();
const pxelinux = z.looseObject({ config: text }).nullish();
const rpi = z.looseObject({ serialNum: text, configTxt: text, firmwarePath: text }).nullish();

/** `tinkerbell.org/v1alpha1`. */
const interface1 = z.looseObject({
  disableDhcp: yes,
  isoboot,
  dhcp: z
    .looseObject({
      mac: text,
      hostname: text,
      domain_name: text,
      lease_time: z.number().nullish(),
      name_servers: list,
      time_servers: list,
      ip: z.looseObject({ address: text, netmask: text, gateway: text }).nullish(),
      classless_static_routes: z
        .array(z.looseObject({ destination_descriptor: z.string(), router: z.string() }))
        .nullish(),
      tftp_server_name: text,
      boot_file_name: text,
      arch: text,
      vlan_id: text,
    })
    .nullish(),
  netboot: z
    .looseObject({
      allowPXE: yes,
      ipxe,
      osie: z
        .looseObject({ baseURL: text, kernel: text, initrd: text, kernelParams: list })
        .nullish(),
      pxelinux,
      rpi,
    })
    .nullish(),
});

/** `tinkerbell.org/v1alpha2`: by MAC address. */
const interface2 = z.looseObject({
  isoboot,
  dhcp: z
    .looseObject({
      v4: z
        .looseObject({
          disabled: yes,
          hostname: text,
          domainName: text,
          domainSearchList: list,
          leaseTimeSeconds: z.number().nullish(),
          nameservers: list,
          ntpServers: list,
          classlessStaticRoutes: z
            .array(z.looseObject({ destinationDescriptor: z.string(), router: z.string() }))
            .nullish(),
          tftpServerName: text,
          bootFileName: text,
          vlanID: text,
        })
        .nullish(),
    })
    .nullish(),
  ipam: z
    .looseObject({ ipv4: z.looseObject({ address: text, gateway: text, prefix: text }).nullish() })
    .nullish(),
  netboot: z.looseObject({ disabled: yes, ipxe, pxelinux, rpi }).nullish(),
});

const metadata = z.looseObject({ name: text, namespace: text }).nullish();
const hardware = z.union([
  z.looseObject({
    apiVersion: z.literal("tinkerbell.org/v1alpha1"),
    metadata,
    spec: z
      .looseObject({
        agentID: text,
        metadata: z
          .looseObject({ facility: z.looseObject({ facility_code: text }).nullish() })
          .nullish(),
        interfaces: z.array(interface1).nullish(),
      })
      .nullish(),
  }),
  z.looseObject({
    apiVersion: z.literal("tinkerbell.org/v1alpha2"),
    metadata,
    spec: z
      .looseObject({
        agentID: text,
        attributes: z.looseObject({ arch: text }).nullish(),
        networkInterfaces: z.record(z.string(), interface2).nullish(),
        instance: z
          .looseObject({
            osie: z.looseObject({ kernelURL: text, initrdURL: text, kernelParams: list }).nullish(),
          })
          .nullish(),
      })
      .nullish(),
  }),
]);

type Interface1 = z.output<typeof interface1>;
type Interface2 = z.output<typeof interface2>;

/** What to say of a value that is no `Hardware` of either version. */
const notHardware =
  "is no Hardware object of tinkerbell.org/v1alpha1 or v1alpha2 with the types that they have";

/** The entries of one object; a string: what is wrong with it. */
export function hardwareInputs(object: unknown): readonly object[] | string {
  const read = hardware.safeParse(object);
  if (!read.success) return notHardware;
  const { apiVersion, metadata: about, spec } = read.data;
  const name = hostName(about?.name);
  if (apiVersion === "tinkerbell.org/v1alpha1") {
    const facility = line(spec?.metadata?.facility?.facility_code);
    const common = { facility, workerId: word(spec?.agentID) };
    return (spec?.interfaces ?? []).flatMap((one) => fromInterface1(one, name, common));
  }
  const { osie } = spec?.instance ?? {};
  const hook = {
    kernel: word(osie?.kernelURL),
    initrd: word(osie?.initrdURL),
    arch: word(spec?.attributes?.arch) ?? USUAL_ARCHITECTURE,
    workerId: word(spec?.agentID),
  };
  return Object.entries(spec?.networkInterfaces ?? {}).map(([mac, one]) => ({
    ...fromInterface2(mac, one, name),
    hook: { ...hook, vlanId: word(one.dhcp?.v4?.vlanID) },
    kernelArgs: words(osie?.kernelParams),
  }));
}

/** SMEE's, for a machine whose record names none. */
const USUAL_ARCHITECTURE = "x86_64";

function fromInterface1(
  { disableDhcp, dhcp, netboot, isoboot: image }: Interface1,
  name: string | null,
  common: { readonly facility: string | null; readonly workerId: string | null },
): object[] {
  if (dhcp?.mac == null) return [];
  const { ip } = dhcp;
  const { ipxe: own, osie } = netboot ?? {};
  return [
    {
      mac: dhcp.mac,
      name: hostName(dhcp.hostname) ?? name,
      ...ipOf(ip?.address, ip?.netmask, ip?.gateway),
      dns: addresses(dhcp.name_servers),
      ntp: addresses(dhcp.time_servers),
      domain: orNull(dhcp.domain_name),
      leaseSeconds: positive(dhcp.lease_time),
      routes: (dhcp.classless_static_routes ?? []).map(({ destination_descriptor: to, router }) => {
        return { to, via: router };
      }),
      options: bootOptions(dhcp.tftp_server_name, dhcp.boot_file_name),
      dhcp: disableDhcp !== true,
      // As SMEE: what is not allowed there is denied.
      netboot: netboot?.allowPXE === true ? "allow" : "deny",
      loader: orNull(own?.binary),
      scriptUrl: orNull(own?.url),
      script: orNull(own?.contents),
      isoUrl: webUrl(image?.sourceISO),
      hook: {
        ...common,
        url: webUrl(osie?.baseURL),
        kernel: word(osie?.kernel),
        initrd: word(osie?.initrd),
        arch: word(dhcp.arch) ?? USUAL_ARCHITECTURE,
        vlanId: word(dhcp.vlan_id),
      },
      kernelArgs: words(osie?.kernelParams),
      ...otherLoaders(netboot),
    },
  ];
}

function fromInterface2(
  mac: string,
  { dhcp, ipam, netboot, isoboot: image }: Interface2,
  name: string | null,
) {
  const { v4 } = dhcp ?? {};
  const { ipv4 } = ipam ?? {};
  return {
    mac,
    name: hostName(v4?.hostname) ?? name,
    ...ipOf(ipv4?.address, netmaskOf(ipv4?.prefix), ipv4?.gateway),
    dns: addresses(v4?.nameservers),
    ntp: addresses(v4?.ntpServers),
    domain: orNull(v4?.domainName),
    domainSearch: v4?.domainSearchList ?? [],
    leaseSeconds: positive(v4?.leaseTimeSeconds),
    routes: (v4?.classlessStaticRoutes ?? []).map(({ destinationDescriptor: to, router }) => {
      return { to, via: router };
    }),
    options: bootOptions(v4?.tftpServerName, v4?.bootFileName),
    dhcp: v4?.disabled !== true,
    netboot: netboot?.disabled === true ? "deny" : "allow",
    loader: orNull(netboot?.ipxe?.binary),
    scriptUrl: orNull(netboot?.ipxe?.url),
    script: orNull(netboot?.ipxe?.script),
    isoUrl: webUrl(image?.sourceISO),
    ...otherLoaders(netboot),
  };
}

/** What PXELINUX and a Raspberry Pi get; the machine is known by its MAC, whatever serial number it says. */
function otherLoaders(netboot: Interface1["netboot"] | Interface2["netboot"]): object {
  const config = orNull(netboot?.rpi?.configTxt);
  const firmware = orNull(netboot?.rpi?.firmwarePath?.replace(/^\/+|\/+$/g, ""));
  const isPi = config !== null || firmware !== null;
  return {
    pxelinux: orNull(netboot?.pxelinux?.config),
    raspberryPi: isPi ? { config, firmware } : null,
  };
}

/** `List` objects and lists hold others. */
const container = z.union([
  z.array(z.unknown()),
  z.looseObject({ kind: z.string().endsWith("List"), items: z.array(z.unknown()) }),
]);

/**
 * Reads the text of a file with `Hardware` objects: one or several YAML documents, a list, or a `List`.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function parseHardware(content: string, file: string): PlacedResult["entries"] {
  const placed: PlacedEntry[] = [];
  const faults: string[] = [];
  for (const { document, linesBefore } of documentsOf(content)) {
    const yaml = readYaml(document, file, linesBefore);
    const read = container.safeParse(yaml.value);
    const inList = read.success && !Array.isArray(read.data);
    const items = !read.success
      ? [yaml.value]
      : Array.isArray(read.data)
        ? read.data
        : read.data.items;
    for (const [index, item] of items.entries()) {
      if (item === null) continue;
      const path = read.success ? [...(inList ? ["items"] : []), index] : [];
      const place = yaml.describe(yaml.locate(path));
      const inputs = hardwareInputs(item);
      if (typeof inputs === "string") faults.push(`${place}: ${inputs}`);
      else placed.push(...inputs.map((value) => ({ value, place })));
    }
  }
  const { entries, problems } = checkPlaced(placed);
  if (faults.length + problems.length > 0) throw new ConfigError([...faults, ...problems]);
  return entries;
}

interface Part {
  readonly document: string;
  readonly linesBefore: number;
}

/** The documents of a YAML stream, and where each begins. */
function documentsOf(content: string): Part[] {
  const parts: Part[] = [];
  let linesBefore = 0;
  for (const document of content.split(/^---(?=\s|$)/m)) {
    parts.push({ document, linesBefore });
    linesBefore += document.split("\n").length - 1;
  }
  return parts;
}
