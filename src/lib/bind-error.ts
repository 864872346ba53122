import { descriptorsUsedUp } from "./descriptors.ts";
import { BindError, type ExplainedOptions, errnoOf, messageOf } from "./errors.ts";
import { inOneSentence, judge, type Rule } from "./finding.ts";

/** A socket that is to be bound: an address of this host, or `0.0.0.0`, and a port. */
export interface WantedSocket {
  readonly transport: "UDP" | "TCP";
  readonly address: string;
  readonly port: number;
  /** The network device that it is to be bound to; null: none. */
  readonly device: string | null;
}

/** The port is taken. Who holds it may be found out (`daemon/state/port-holder.ts`). */
export class PortInUseError extends BindError {
  readonly wanted: WantedSocket;

  constructor(message: string, wanted: WantedSocket, options: ExplainedOptions) {
    super(message, options);
    this.wanted = wanted;
  }
}

/** Another eim-pxe on this host that holds a port. */
export interface PortHolder {
  readonly pid: number;
  readonly dataDir: string;
  /** Base URL of its admin port. */
  readonly admin: string;
}

interface BindFailure extends WantedSocket {
  /** The system's name of the error, such as `EADDRINUSE`. */
  readonly errno: string;
  /** The system call that failed, where that is known. */
  readonly call: string | null;
  /** Who holds the port, where that is an eim-pxe. */
  readonly holder: PortHolder | null;
}

/** Programs that often hold the ports we need. */
const usualHolders: ReadonlyMap<number, string> = new Map([
  [67, "dnsmasq (also libvirt's and LXD's), isc-dhcp-server, kea-dhcp4-server or systemd-networkd"],
  [
    68,
    "a DHCP client of this host (systemd-networkd, NetworkManager, dhclient or dhcpcd), which an interface " +
      "with a fixed address does not need",
  ],
  [69, "tftpd-hpa, atftpd, dnsmasq, inetd or systemd (tftp.socket)"],
  [4011, "dnsmasq or another PXE server"],
]);

/** Why a socket cannot be had: which port, who may hold it, and how to get the privilege. */
export const bindRules: readonly Rule<BindFailure>[] = [
  {
    code: "device-binding-denied",
    cause: "Linux before 5.7 binds a socket to a network device only with CAP_NET_RAW",
    remedy: "add that capability, or take a newer kernel",
    who: "site",
    when: ({ call, errno }) => (call === "SO_BINDTODEVICE" && errno === "EPERM" ? {} : null),
  },
  {
    code: "port-held-by-eim-pxe",
    cause: "another eim-pxe holds the port (pid {pid}, data folder {dataDir}, {admin})",
    remedy:
      "stop that one where it runs by mistake (systemctl stop eim-pxe, or kill {pid}), or {alternative}",
    who: "site",
    when: ({ holder, transport, address }) =>
      holder === null
        ? null
        : {
            ...holder,
            alternative:
              transport === "TCP"
                ? "give this one other ports (http.port, admin.listen)"
                : `serve other interfaces here than that with ${address}`,
          },
  },
  {
    code: "port-in-use",
    cause: "another program holds the port{guess}",
    remedy: "see which with: {command}; stop it, or {alternative}",
    who: "site",
    when: ({ errno, transport, port }) => {
      if (errno !== "EADDRINUSE") return null;
      const usual = transport === "UDP" ? usualHolders.get(port) : undefined;
      const command = `ss -l${transport === "UDP" ? "u" : "t"}np 'sport = :${port}'`;
      return {
        guess: usual === undefined ? "" : `, often ${usual}`,
        command,
        alternative:
          transport === "UDP"
            ? "disable this service here"
            : "set another port (http.port, admin.listen)",
      };
    },
  },
  {
    code: "port-privileged",
    cause: "this user may not open the port; ports below 1024 need CAP_NET_BIND_SERVICE",
    remedy:
      "run as root, or in a systemd unit with AmbientCapabilities=CAP_NET_BIND_SERVICE, or in a container with --cap-add=NET_BIND_SERVICE{instead}",
    who: "site",
    when: ({ errno, transport }) => {
      if (errno !== "EACCES" && errno !== "EPERM") return null;
      const http = ", or set a port from 1024 up (http.port, admin.listen)";
      return { instead: transport === "TCP" ? http : "" };
    },
  },
  {
    code: "address-not-here",
    cause: "no network interface of this host has the address {address}",
    remedy: "see which there are with: ip -4 addr; then correct {key}",
    who: "site",
    when: ({ errno, transport, address }) =>
      errno === "EADDRNOTAVAIL"
        ? {
            address,
            key: `interfaces[].address${transport === "TCP" ? " or admin.listen" : ""}`,
          }
        : null,
  },
  {
    code: "interface-not-here",
    cause: "there is no network interface {device}",
    remedy: "see which there are with: ip -4 addr; then correct interfaces[].name",
    who: "site",
    when: ({ errno, device }) => (errno === "ENODEV" ? { device: device ?? "of this name" } : null),
  },
  {
    ...descriptorsUsedUp,
    when: ({ errno }) => (errno === "EMFILE" || errno === "ENFILE" ? {} : null),
  },
  {
    code: "name-unresolved",
    cause: "the name {address} could not be resolved",
    remedy: "give an address instead",
    who: "site",
    when: ({ errno, address }) =>
      errno === "ENOTFOUND" || errno === "EAI_AGAIN" ? { address } : null,
  },
];

/** The error for a socket that could not be had. */
export function bindError(wanted: WantedSocket, thrown: unknown): BindError {
  const errno = errnoOf(thrown) ?? "";
  const failure = { ...wanted, errno, call: null, holder: null };
  return failed(failure, messageOf(thrown), { cause: thrown });
}

/** The same for a call to libc that set `errno`; `call` names it. */
export function bindCallError(wanted: WantedSocket, call: string, errno: string): BindError {
  return failed({ ...wanted, errno, call, holder: null }, `${call} gave ${errno}`);
}

/** The same where it is known that another eim-pxe holds the port. */
export function heldByUsError({ wanted, cause }: PortInUseError, holder: PortHolder): BindError {
  return failed({ ...wanted, errno: "EADDRINUSE", call: null, holder }, "", { cause });
}

function failed(failure: BindFailure, otherwise: string, options: ErrorOptions = {}): BindError {
  const finding = judge(bindRules, failure);
  const why = finding === null ? otherwise : inOneSentence(finding);
  const message = `cannot bind ${place(failure)}: ${why}`;
  return failure.errno === "EADDRINUSE"
    ? new PortInUseError(message, failure, { ...options, finding })
    : new BindError(message, { ...options, finding });
}

function place({ transport, address, port, device }: WantedSocket): string {
  return `${transport} ${address}:${port}${device === null ? "" : ` on ${device}`}`;
}
