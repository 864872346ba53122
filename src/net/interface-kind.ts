import { existsSync, readdirSync, readFileSync } from "node:fs";

/**
 * What an interface is to a server that looks for machines to boot:
 *
 * - `card`: hardware
 * - `on-card`: a VLAN, bond or bridge on top of a card
 * - `port`: a part of a bridge or a bond, which has the address in its place
 * - `container`: what container engines and hypervisors make for themselves
 * - `virtual`: any other, such as the `eth0` inside a container
 */
export type InterfaceKind = "card" | "on-card" | "port" | "container" | "virtual";

/** The parts of `/sys/class/net/NAME` that tell it. */
export interface DeviceDescription {
  readonly name: string;
  /** It has a `device`: a bus knows it (PCI, USB, virtio). */
  readonly device: boolean;
  /** `DEVTYPE` of `uevent`, such as `vlan`, `bond`, `bridge`, `vxlan`; null for plain Ethernet. */
  readonly devtype: string | null;
  /** It is a port of a bridge (`brport`) or of a bond (`bonding_slave`). */
  readonly port: boolean;
  /** One of those below it (`lower_*`) is a card or on one. */
  readonly onCard: boolean;
}

/** Kinds of device that carry the frames of the card below them as they are; tunnels do not. */
const onTop: readonly (string | null)[] = ["vlan", "bond", "bridge", "macvlan", "ipvlan", null];

/**
 * As Docker, Podman, containerd's CNI plugins, Flannel, Calico, Cilium, Weave, LXC, LXD, Incus, libvirt, VMware and
 * VirtualBox name theirs.
 */
const containerName =
  /^(docker|podman|br-|veth|cni|nerdctl|flannel|cali|cilium|weave|kube|nodelocaldns|lxc|lxd|incus|virbr|vnet|vmnet|vboxnet|tap)/;

export function kindOf({ name, device, devtype, port, onCard }: DeviceDescription): InterfaceKind {
  if (port) return "port";
  if (device) return "card";
  if (onCard && onTop.includes(devtype)) return "on-card";
  return containerName.test(name) ? "container" : "virtual";
}

/** Reads it from a folder such as `/sys/class/net`. */
export function readKind(folder: string, name: string): InterfaceKind {
  return kindOf(describeDevice(folder, name, MAX_DEPTH));
}

/** A VLAN on a bridge on a bond on a card is four levels. */
const MAX_DEPTH = 8;

function describeDevice(folder: string, name: string, depth: number): DeviceDescription {
  const at = `${folder}/${name}`;
  const lower = namesIn(at).flatMap((entry) =>
    entry.startsWith("lower_") ? [entry.slice("lower_".length)] : [],
  );
  const isCard = (below: string): boolean => {
    const found = describeDevice(folder, below, depth - 1);
    // A card stays one when it is a port of the bridge or bond that is asked about.
    return ["card", "on-card"].includes(kindOf({ ...found, port: false }));
  };
  return {
    name,
    device: existsSync(`${at}/device`),
    devtype: /^DEVTYPE=(.*)$/m.exec(textOf(`${at}/uevent`))?.[1] ?? null,
    port: existsSync(`${at}/brport`) || existsSync(`${at}/bonding_slave`),
    onCard: depth > 0 && lower.some(isCard),
  };
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
