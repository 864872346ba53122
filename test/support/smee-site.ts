import { macFromBytes } from "../../src/lib/mac.ts";
import { fromHex } from "../../src/lib/bytes.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { importSmee } from "../../src/setup/smee/import.ts";
import { readFlags, readVariables } from "../../src/setup/smee/read.ts";
import { type SmeeVector, vectorAddress, vectorTrace } from "./smee-vectors.ts";

/*
 * The machine and the site of a vector, as somebody who moves away from SMEE writes them for us.
 */

const network = { address: "192.168.2.153", netmask: "255.255.255.0" };
const full = {
  ...network,
  name: "pxe-virtualbox",
  domain: "example.com",
  leaseSeconds: 86400,
  dns: ["8.8.8.8", "1.1.1.1"],
  ntp: ["132.163.96.2"],
  router: "192.168.2.1",
};

/** The port that SMEE's URLs name. */
export function httpPortOf({ flavour }: SmeeVector): number {
  return flavour === "smee" ? 7080 : 8080;
}

/** Our configuration for what SMEE was configured to do, with the address that it had. */
export function configurationOf(
  vector: SmeeVector,
  files: { readonly interface: string; readonly dataDir: string; readonly nodes: string },
): object {
  const mode = vector.mode === "reservation" ? "full" : "proxy";
  return {
    dataDir: files.dataDir,
    interfaces: [{ name: files.interface, address: vectorAddress, dhcp: { mode } }],
    dhcp: { compatibility: vector.flavour },
    http: { port: httpPortOf(vector) },
    nodes: { file: files.nodes, unknown: vector.mode === "proxy" ? "deny" : "allow" },
  };
}

/** The environment that has us trace as SMEE did. */
export function environmentOf({ traced }: SmeeVector): Record<string, string> {
  return traced ? { TRACEPARENT: vectorTrace } : {};
}

/** The nodes file's content: SMEE's record of the vector's machine, or nothing where it had none. */
export function nodesOf(vector: SmeeVector): readonly object[] {
  const { chaddr } = decodePacket(fromHex(vector.request) ?? new Uint8Array());
  const entry = entryOf(vector);
  return entry === null ? [] : [{ mac: macFromBytes(chaddr), ...entry }];
}

function entryOf({ hardware, flavour }: SmeeVector): object | null {
  const whole =
    flavour === "smee"
      ? full
      : { ...full, broadcast: "192.168.2.255", domainSearch: ["example.com"] };
  switch (hardware) {
    case "none":
      return null;
    case "nopxe":
      return { ...whole, netboot: "deny" };
    case "min":
      return network;
    case "noip":
      return {};
    case "o6667":
      return {
        ...whole,
        options: [
          { code: 66, text: "10.1.1.1" },
          { code: 67, text: "onie-installer" },
        ],
      };
    case "bin":
      return { ...whole, loader: "snp-x86_64.efi" };
    case "script":
      return { ...whole, scriptUrl: "https://boot.netboot.xyz" };
    case "routes":
      return {
        ...whole,
        routes: [
          { to: "10.0.0.0/8", via: "192.168.2.2" },
          { to: "192.168.77.0/25", via: "192.168.2.3" },
          { to: "0.0.0.0/0", via: "192.168.2.1" },
        ],
      };
    default:
      return whole;
  }
}

/** What `import smee` makes of what SMEE was started with for the vectors. */
export function importOf(flavour: SmeeVector["flavour"], mode: string): string {
  return flavour === "smee"
    ? importSmee(
        readFlags([
          `--dhcp-mode-v4=${mode}`,
          `--public-ip-v4=${vectorAddress}`,
          "--dhcp-bind-interface-v4=nosuch0",
        ]),
      )
    : importSmee(
        readVariables({
          SMEE_DHCP_MODE: mode,
          SMEE_DHCP_IP_FOR_PACKET: vectorAddress,
          SMEE_DHCP_IFACE: "nosuch0",
        }),
      );
}
