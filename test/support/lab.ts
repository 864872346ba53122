import { readdirSync, readFileSync } from "node:fs";
import { type Datagram, readPcap } from "./pcap.ts";

/* Captures of real firmware between scripted servers; see test/fixtures/README.md. */

const folder = new URL("../fixtures/lab/", import.meta.url);

/** The site's DHCP server in the captures, which hands out `labClient`, and the boot server beside it. */
export const labAddressServer = "10.0.0.1";
export const labBootServer = "10.0.0.3";
export const labClient = "10.0.0.50";

export const labScenarios: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".pcap"))
  .map((name) => name.replace(/\.pcap$/, ""))
  .toSorted();

export function labCapture(scenario: string): readonly Datagram[] {
  return readPcap(readFileSync(new URL(`${scenario}.pcap`, folder)));
}

/** What the machine asked of port 67, 4011 or 69. It listens on 4011 itself. */
export function askedOf(port: number, datagrams: readonly Datagram[]): readonly Datagram[] {
  return datagrams.filter(
    ({ destination }) => destination.port === port && destination.address !== labClient,
  );
}

/** The DHCP packets of a capture, both ways. */
export function dhcpOf(datagrams: readonly Datagram[]): readonly Datagram[] {
  const ports = [67, 4011];
  return datagrams.filter(
    ({ source, destination }) => ports.includes(source.port) || ports.includes(destination.port),
  );
}
