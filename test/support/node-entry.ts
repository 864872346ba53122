import type { NodeEntry } from "../../src/boot/node.ts";

/** A node entry that says nothing. */
export const noNode: NodeEntry = {
  mac: null,
  uuid: null,
  serial: null,
  name: null,
  address: null,
  netmask: null,
  router: null,
  dns: null,
  ntp: null,
  domain: null,
  domainSearch: [],
  broadcast: null,
  leaseSeconds: null,
  routes: [],
  options: [],
  dhcp: true,
  netboot: "allow",
  loader: null,
  scriptUrl: null,
  kernelArgs: [],
};

/** A node entry that says nothing but what is given. */
export function nodeEntry(given: Partial<NodeEntry>): NodeEntry {
  return { ...noNode, ...given };
}
