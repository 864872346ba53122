import { BindError, errnoOf, messageOf } from "../lib/errors.ts";
import { formatEndpoint, type UdpEndpoint } from "./udp.ts";

/** Programs that are known to sit on the ports we need. */
const usualHolders: ReadonlyMap<number, string> = new Map([
  [67, "dnsmasq (also libvirt's and LXD's), isc-dhcp-server, kea-dhcp4-server or systemd-networkd"],
  [
    68,
    "a DHCP client of this host (systemd-networkd, NetworkManager, dhclient or dhcpcd), which an interface " +
      "with a fixed address does not need",
  ],
  [69, "tftpd-hpa, atftpd, dnsmasq or inetd"],
  [4011, "dnsmasq or another PXE server"],
]);

/**
 * The error for a UDP socket that could not be had: which port, who may hold it, and how to get the
 * privilege. `device` names the network device when the socket was to be bound to one.
 */
export function bindError(local: UdpEndpoint, thrown: unknown, device: string | null): BindError {
  const why = explain(local, errnoOf(thrown), device) ?? messageOf(thrown);
  return new BindError(`cannot bind ${place(local, device)}: ${why}`, { cause: thrown });
}

/** The same for a call to libc that set `errno`; `call` names it. */
export function bindCallError(
  local: UdpEndpoint,
  call: string,
  errno: string,
  device: string,
): BindError {
  // Linux before 5.7: binding to a device took CAP_NET_RAW.
  const why =
    call === "SO_BINDTODEVICE" && errno === "EPERM"
      ? "Linux before 5.7 binds a socket to a network device only with CAP_NET_RAW; add it"
      : explain(local, errno, device);
  return new BindError(`cannot bind ${place(local, device)}: ${why ?? `${call} gave ${errno}`}`);
}

function place(local: UdpEndpoint, device: string | null): string {
  return `UDP ${formatEndpoint(local)}${device === null ? "" : ` on ${device}`}`;
}

function explain(local: UdpEndpoint, errno: string | null, device: string | null): string | null {
  switch (errno ?? "") {
    case "EADDRINUSE": {
      const holders = usualHolders.get(local.port);
      const guess = holders === undefined ? "" : `, often ${holders}`;
      return (
        `another program holds the port${guess}. ` +
        `See which with: ss -lunp 'sport = :${local.port}'; stop it, or disable this service here`
      );
    }
    case "EACCES":
    case "EPERM":
      return (
        `this user may not open the port; ports below 1024 need CAP_NET_BIND_SERVICE. ` +
        `Run as root, or in a systemd unit with AmbientCapabilities=CAP_NET_BIND_SERVICE, ` +
        `or in a container with --cap-add=NET_BIND_SERVICE`
      );
    case "EADDRNOTAVAIL":
      return (
        `no network interface of this host has the address ${local.address}. ` +
        `See which there are with: ip -4 addr; then set interfaces[].address`
      );
    case "ENODEV":
      return `there is no network interface ${device ?? ""}. See which there are with: ip -4 addr`;
    default:
      return null;
  }
}
