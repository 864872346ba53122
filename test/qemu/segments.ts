import { segment } from "./network.ts";
import type { LabNetwork, Segment, Wire } from "./network.ts";
import { LabError, run } from "./process.ts";

/**
 * Adds another bridge of the host on which the server under test runs, with an address of its own
 * there and `siteDevice` of the site's namespace on it.
 */
export async function addLink(
  network: LabNetwork,
  link: Wire,
  siteDevice: string,
): Promise<Segment> {
  const { namespace, siteNamespace } = network;
  await addBridge(namespace, link);
  await plug(namespace, link.bridge, siteNamespace, siteDevice);
  await addAddress(siteNamespace, link.siteAddress, siteDevice);
  return segment(namespace, link.bridge, `${link.bridge}tap`);
}

/**
 * Adds a subnet that is reached through a router, `relayAddress` on `near`; the router's address on
 * the subnet itself is `far.serverAddress`. All in the third namespace, where a relay can run.
 */
export async function addRoutedSubnet(
  network: LabNetwork,
  near: Wire,
  far: Wire,
  relayAddress: string,
): Promise<Segment> {
  const { namespace, siteNamespace, farNamespace } = network;
  await plug(namespace, near.bridge, farNamespace, "uplink");
  await addAddress(farNamespace, relayAddress, "uplink");
  await addBridge(farNamespace, far);
  await run(network.insideFar("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"));
  for (const host of [namespace, siteNamespace]) {
    await run(["ip", "-n", host, "route", "add", subnetOf(far), "via", relayAddress]);
  }
  return segment(farNamespace, far.bridge, "tap");
}

/** Plugs `device` of the other namespace into a bridge of `namespace`. */
export async function plug(
  namespace: string,
  bridge: string,
  otherNamespace: string,
  device: string,
): Promise<void> {
  const port = `${bridge}-${device}`;
  // Linux: a device's name has at most 15 characters.
  if (port.length > 15) throw new LabError(`${port} is too long a name for a network device`);
  const peer = ["peer", "name", device, "netns", otherNamespace];
  await run(["ip", "-n", namespace, "link", "add", port, "type", "veth", ...peer]);
  await run(["ip", "-n", namespace, "link", "set", port, "master", bridge, "up"]);
  await run(["ip", "-n", otherNamespace, "link", "set", device, "up"]);
}

async function addBridge(namespace: string, { bridge, serverAddress }: Wire): Promise<void> {
  const type = ["type", "bridge", "forward_delay", "0"];
  await run(["ip", "-n", namespace, "link", "add", bridge, ...type]);
  await addAddress(namespace, serverAddress, bridge);
  await run(["ip", "-n", namespace, "link", "set", bridge, "up"]);
}

async function addAddress(namespace: string, address: string, device: string): Promise<void> {
  await run(["ip", "-n", namespace, "addr", "add", `${address}/24`, "brd", "+", "dev", device]);
}

function subnetOf({ serverAddress }: Wire): string {
  return serverAddress.replace(/\.\d+$/, ".0/24");
}
