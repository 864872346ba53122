/*
 * The causes for which boots fail in the field, and by which test each is reproduced. `docs/diagnosis.md` shows this
 * table; `test/docs.test.ts` says where it does not hold any longer.
 */

/** `QEMU`: real firmware; `namespaces`: real programs and sockets; `frames`: a boot's events, played one by one. */
export type Means = "QEMU" | "namespaces" | "frames";

export interface Reproduction {
  readonly means: Means;
  /** What is made to be so. */
  readonly how: string;
  /** The code of the cause that is named. */
  readonly code: string;
  /** Has the code in it. */
  readonly test: string;
}

export interface FieldCause {
  /** The number in the field's list; null: it has none there. */
  readonly row: number | null;
  /** What the machine's screen shows. */
  readonly onScreen: string;
  readonly cause: string;
  /** Empty: what it takes is not to be had in a test; `why` says so. */
  readonly reproductions: readonly Reproduction[];
  readonly why?: string;
}

const rules = "test/timeline/rules.test.ts";
const machine = "test/timeline/machine-rules.test.ts";
const firmware = "test/qemu/firmware";

function qemu(how: string, code: string, file: string): Reproduction {
  return { means: "QEMU", how, code, test: file };
}

function frames(how: string, code: string, file = rules): Reproduction {
  return { means: "frames", how, code, test: file };
}

function namespaces(how: string, code: string, file: string): Reproduction {
  return { means: "namespaces", how, code, test: file };
}

export const fieldCauses: readonly FieldCause[] = [
  {
    row: 1,
    onScreen: "PXE-E61, PXE-E12, iPXE 380861",
    cause: "no cable, a dead port, the wrong network card",
    reproductions: [
      frames("another network card of the same machine asks later", "other-card", machine),
    ],
  },
  {
    row: 2,
    onScreen: "PXE-E51, PXE-E16, on all machines at once",
    cause: "the switch port waits for spanning tree or LACP",
    reproductions: [
      frames("the first request that arrives is a late repetition", "port-blocked-first", machine),
    ],
  },
  {
    row: 3,
    onScreen: "PXE-E51, PXE-E16",
    cause: "the server is not in this VLAN, and there is no relay",
    reproductions: [
      namespaces("`probe` on a link without any server", "no-server", "test/interop/probe.test.ts"),
    ],
  },
  {
    row: 4,
    onScreen: "PXE-E51, PXE-E16",
    cause: "this host's firewall drops UDP 67",
    reproductions: [
      namespaces(
        "nft and iptables drop it, and `doctor` looks",
        "firewall-drops",
        "test/interop/doctor.test.ts",
      ),
    ],
  },
  {
    row: 5,
    onScreen: "PXE-E16",
    cause: "DHCP snooping drops our offers",
    reproductions: [
      frames("several machines take addresses and ask for nothing here", "offers-dropped", machine),
    ],
  },
  {
    row: 6,
    onScreen: "PXE-E16 after 10 s",
    cause: "another server sends option 60 without 43",
    reproductions: [
      qemu(
        "dnsmasq as the site's server does",
        "unbeatable-server",
        "test/qemu/neighbours.test.ts",
      ),
    ],
  },
  {
    row: 7,
    onScreen: "PXE-E55",
    cause: "another proxy answers on port 67 and not on 4011",
    reproductions: [frames("its offer is overheard", "competing-proxy")],
  },
  {
    row: 8,
    onScreen: "PXE-E53, iPXE 2d03e1",
    cause: "the machine is denied, or our offer came too late",
    reproductions: [
      qemu("nodes.unknown: deny", "machine-denied", `${firmware}/loaders.test.ts`),
      frames("our offer leaves after another server's was taken", "offer-late"),
    ],
  },
  {
    row: 9,
    onScreen: "PXE-E52",
    cause: "only the proxy answers",
    reproductions: [
      qemu(
        "the site's dnsmasq gives no machine an address",
        "no-address",
        "test/qemu/failed-boots.test.ts",
      ),
    ],
  },
  {
    row: 10,
    onScreen: "PXE-E77, PXE-E74, PXE-E16",
    cause: "another server's option 43 is incomplete",
    reproductions: [
      qemu(
        "the site's dnsmasq sends 43.6 and no list of servers",
        "broken-boot-menu",
        `${firmware}/other-servers.test.ts`,
      ),
    ],
  },
  {
    row: 11,
    onScreen: "PXE-E11, PXE-E18",
    cause: "this server cannot be reached from the machine's address",
    reproductions: [
      qemu(
        "the site's dnsmasq gives addresses of another network and no router",
        "server-out-of-reach",
        `${firmware}/other-servers.test.ts`,
      ),
    ],
  },
  {
    row: 12,
    onScreen: "PXE-E32, PXE-E18 with a size of 0",
    cause: "TFTP requests, or the answers to them, are filtered",
    reproductions: [
      qemu("the bridge drops UDP 69", "tftp-blocked", `${firmware}/blocked.test.ts`),
      qemu(
        "the bridge drops what the transfers' ports send",
        "tftp-answers-blocked",
        `${firmware}/blocked.test.ts`,
      ),
    ],
  },
  {
    row: 13,
    onScreen: "PXE-E99, PXE-E18",
    cause: "the firmware does not accept what it was offered",
    reproductions: [
      frames("it has an address, and other machines load by TFTP", "offer-passed-over"),
    ],
  },
  {
    row: 14,
    onScreen: "PXE-E23, PXE-E36",
    cause: "the loader is missing",
    reproductions: [
      qemu("the node's loader is not in any folder", "file-missing", `${firmware}/loaders.test.ts`),
    ],
  },
  {
    row: 15,
    onScreen: "a file name with junk behind it",
    cause: "option 67 is read beyond its end",
    reproductions: [],
    why: "the server repairs such names by itself (`test/tftp/wire/file-names.test.ts`): no boot fails by them",
  },
  {
    row: 16,
    onScreen: "PXE-E35, PXE-E18 in the middle of the file",
    cause: "large packets are lost on the way",
    reproductions: [
      qemu(
        "the bridge drops UDP of more than 1000 bytes",
        "large-packets-lost",
        `${firmware}/blocked.test.ts`,
      ),
      frames("the client stops answering in the middle", "packets-lost"),
    ],
  },
  {
    row: 17,
    onScreen: "PXE-E79",
    cause: "the loader is too large for BIOS",
    reproductions: [frames("a BIOS machine is given ipxe.efi", "loader-too-large")],
  },
  {
    row: 18,
    onScreen: "Access Denied, Security Violation",
    cause: "Secure Boot refuses an unsigned loader",
    reproductions: [
      qemu(
        "EDK2 with Secure Boot is given Debian's iPXE",
        "loader-refused",
        `${firmware}/loaders.test.ts`,
      ),
    ],
  },
  {
    row: 19,
    onScreen: "bad shim signature, on new machines only",
    cause: "the firmware does not know the CA that signed the shim",
    reproductions: [],
    why: "the server sees the same as for 18",
  },
  {
    row: 20,
    onScreen: "iPXE initialising devices…",
    cause: "iPXE's driver does not fit the network card",
    reproductions: [
      frames("the loader is fetched whole, and nothing is heard then", "loader-silent"),
      namespaces(
        "the same twice, over sockets: the other kind of loader is offered",
        "loader-changed",
        "test/daemon/silent-loader.test.ts",
      ),
    ],
  },
  {
    row: 21,
    onScreen: "iPXE 040ee1",
    cause: "the switch port blocks again after iPXE has reset the link",
    reproductions: [
      frames("autoexec.ipxe is fetched, and no DHCP request follows", "ipxe-link-blocked"),
    ],
  },
  {
    row: 22,
    onScreen: "iPXE's banner again and again",
    cause: "the loader's user class is not known",
    reproductions: [frames("it asks with user class `custom`", "user-class-unknown")],
  },
  {
    row: 23,
    onScreen: "iPXE 4c0a60, 0f0a60, 280a60",
    cause: "TCP to the HTTP port is blocked",
    reproductions: [
      qemu("the bridge drops TCP 8080", "http-blocked", `${firmware}/blocked.test.ts`),
    ],
  },
  {
    row: 24,
    onScreen: "iPXE 3e1161, 3e1162, 4c1160",
    cause: "the script has a host name, and it is not resolved",
    reproductions: [
      qemu(
        "the node's scriptUrl has a host name, and there is no name server",
        "reported-no-dns-server",
        `${firmware}/scripts.test.ts`,
      ),
    ],
  },
  {
    row: 25,
    onScreen: "iPXE 2d0c61, 410c61, 1d0c65",
    cause: "a file is not served, the machine is denied, the mirror is empty",
    reproductions: [
      qemu(
        "a script of the site's own asks for a file that is not there",
        "file-not-served",
        `${firmware}/scripts.test.ts`,
      ),
      frames("the mirror is empty", "mirror-empty"),
    ],
  },
  {
    row: 26,
    onScreen: "iPXE 0216e4, 0216e6, 0216ea, 3c0de1",
    cause: "TLS: the clock, the CA, the name or the ciphers do not fit",
    reproductions: [
      qemu(
        "the node's scriptUrl is behind TLS with a certificate that signed itself",
        "reported-certificate-root",
        `${firmware}/scripts.test.ts`,
      ),
    ],
  },
  {
    row: 27,
    onScreen: "iPXE 7f0481, 7f0482, 2e0080",
    cause: "the firmware refuses the kernel, or it is none",
    reproductions: [
      qemu(
        "a script of the site's own starts an initramfs",
        "reported-image-unknown",
        `${firmware}/scripts.test.ts`,
      ),
      frames("the whole kernel was fetched, and nothing after it", "kernel-unusable"),
    ],
  },
  {
    row: 28,
    onScreen: "iPXE 31…, Initramfs unpacking failed",
    cause: "too little memory",
    reproductions: [
      frames("the initramfs is broken off twice at the same place", "too-little-memory"),
      frames("the kernel was started, and the Micro-OS stays silent", "micro-os-not-up"),
    ],
  },
  {
    row: 29,
    onScreen: "the Micro-OS runs, and the orchestrator shows nothing",
    cause: "the machine cannot be registered, and starts over again",
    reproductions: [
      frames(
        "the Micro-OS comes up, and the machine boots from the network again",
        "boots-again",
        machine,
      ),
    ],
  },
];

/** What people report beside that list. */
export const furtherCauses: readonly FieldCause[] = [
  {
    row: null,
    onScreen: "the network boot ends at once (Dell)",
    cause: "the machine's address is refused (DHCPNAK), or another host has it (DHCPDECLINE)",
    reproductions: [
      frames("our DHCPNAK is the last that is heard", "address-refused", machine),
      frames("the machine declines its lease", "address-declined", machine),
    ],
  },
  {
    row: null,
    onScreen: "another server's boot menu, or PXE-E18",
    cause: "a second proxy answers on the link",
    reproductions: [
      frames("its whole offer is overheard, and the machine asks for nothing here", "second-proxy"),
    ],
  },
  {
    row: null,
    onScreen: "nothing; the orchestrator shows one machine for two",
    cause: "two machines have one UUID or one serial number",
    reproductions: [
      frames(
        "two machines boot with them, one after the other and at the same time",
        "identity-shared",
        "test/timeline/site/shared-identities.test.ts",
      ),
    ],
  },
  {
    row: null,
    onScreen: "nothing; the mirror is empty",
    cause: "the clock of this host is wrong",
    reproductions: [
      namespaces(
        "`doctor` asks an orchestrator whose clock differs",
        "clock-wrong",
        "test/commands/doctor.test.ts",
      ),
    ],
  },
];
