/*
 * The keys that version 0.1.0 of the configuration had. All others say in the schema since when they are there.
 */

const sections: Readonly<Record<string, string>> = {
  "": "dataDir interfaces dhcp boot tftp http admin artifacts nodes log",
  "interfaces[].": "name address dhcp",
  "interfaces[].dhcp.":
    "mode subnet pools router dns ntp domain logServers leaseSeconds netbootLeaseSeconds options relayed",
  "interfaces[].dhcp.relayed[].":
    "subnet pools router dns ntp domain logServers leaseSeconds netbootLeaseSeconds options",
  "dhcp.": "compatibility authoritative allowOtherServers",
  "boot.": "path loaders userClasses script kernelArgs",
  "tftp.": "enabled port singlePort maxBlockSize maxWindowSize maxTransfers dataPorts",
  "http.": "port",
  "admin.": "listen tokenFile",
  "artifacts.": "origin ca proxy intervalSeconds files loaderDirs keepGenerations",
  "artifacts.ca.": "file",
  "nodes.": "unknown file",
  "log.": "level",
};

const nodeKeys =
  "mac uuid serial name address netmask router dns ntp domain domainSearch broadcast leaseSeconds routes routes[].to " +
  "routes[].via options dhcp netboot loader scriptUrl kernelArgs";

const all: ReadonlySet<string> = new Set([
  ...Object.entries(sections).flatMap(([section, keys]) =>
    keys.split(" ").map((key) => section + key),
  ),
  ...nodeKeys.split(" "),
]);

export function isOfFirstVersion(path: string): boolean {
  return all.has(path);
}
