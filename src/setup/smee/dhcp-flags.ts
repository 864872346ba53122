import { absentUnless, addressOf, asDefault, type FlagRow, ofLink, port } from "./flag-row.ts";
import { isTrue, listOf, note, nothing, type Outcome, set, type SmeeFlags } from "./outcome.ts";

/** Whether loaders come from another host than this one. */
function isElsewhere(host: string, all: SmeeFlags): boolean {
  return !asDefault(host, "", "0.0.0.0", addressOf(all) ?? "");
}

/** What records lack, since October 2026. */
function withDefaults(key: "dns" | "domainSearch", value: string): Outcome {
  const list = listOf(value);
  if (list.length === 0) return nothing;
  return {
    kind: "set",
    settings: [
      { path: ["dhcp", "compatibility"], value: "smee-2026-10" },
      { path: ["interfaces", 0, "dhcp", key], value: list },
    ],
  };
}

/** SMEE's flags about DHCP and TFTP. Those about the link itself are read together in import.ts. */
export const dhcpFlags: readonly FlagRow[] = [
  ofLink(["dhcp-mode"], "`interfaces[].dhcp.mode` and `nodes.unknown`"),
  ofLink(["dhcp-enabled"], "`interfaces[].dhcp.mode: off` where it is false"),
  ofLink(["dhcp-bind-interface", "dhcp-iface", "public-ip-interface"], "`interfaces[].name`"),
  ofLink(["dhcp-ip-for-packet", "public-ip", "public-ipv4"], "`interfaces[].address`"),
  {
    flags: ["dhcp-bind-addr", "dhcp-addr"],
    where: "absent: DHCP is served on the interface, at port 67",
    read: (value) =>
      /^(|0\.0\.0\.0)(:67)?$/.test(value)
        ? nothing
        : note("DHCP is served on the interface, at port 67"),
  },
  {
    flags: ["dhcp-enable-netboot-options"],
    where: "a node's `netboot: deny`, or `nodes.unknown: deny`, where it is false",
    read: (value) =>
      isTrue(value) ? nothing : note("give the entries of the nodes file netboot: deny"),
  },
  {
    flags: ["dhcp-syslog-ip"],
    where: "`interfaces[].dhcp.logServers`",
    read: (value) =>
      asDefault(value, "", "0.0.0.0")
        ? nothing
        : set(["interfaces", 0, "dhcp", "logServers"], [value]),
  },
  {
    flags: ["dhcp-tftp-ip"],
    where: "`tftp.advertise`, where it names another host",
    read: (value, all) => {
      const [host = "", named] = value.split(":");
      const tftpPort = named ?? (all.get("dhcp-tftp-port") || "69");
      if (isElsewhere(host, all)) {
        return set(["tftp", "advertise"], tftpPort === "69" ? host : `${host}:${tftpPort}`);
      }
      return asDefault(tftpPort, "69") ? nothing : set(["tftp", "port"], port(tftpPort));
    },
  },
  {
    flags: ["dhcp-tftp-port"],
    where: "`tftp.port`; in `tftp.advertise`, where dhcp-tftp-ip names another host",
    read: (value, all) => {
      const [host = ""] = (all.get("dhcp-tftp-ip") ?? "").split(":");
      if (isElsewhere(host, all) || asDefault(value, "", "69")) return nothing;
      return set(["tftp", "port"], port(value));
    },
  },
  {
    flags: ["tftp-server-bind-port", "tftp-port"],
    where: "`tftp.port`",
    read: (value) => (asDefault(value, "", "69") ? nothing : set(["tftp", "port"], port(value))),
  },
  {
    flags: ["dhcp-default-name-servers"],
    where: "`interfaces[].dhcp.dns`, with `dhcp.compatibility: smee-2026-10`",
    read: (value) => withDefaults("dns", value),
  },
  {
    flags: ["dhcp-default-domain-search-list"],
    where: "`interfaces[].dhcp.domainSearch`, with `dhcp.compatibility: smee-2026-10`",
    read: (value) => withDefaults("domainSearch", value),
  },
  {
    flags: ["dhcp-bind-port"],
    where: "absent: DHCP is served on the interface, at port 67",
    read: (value) =>
      asDefault(value, "", "67") ? nothing : note("DHCP is served on the interface, at port 67"),
  },
  {
    flags: ["tftp-server-enabled", "tftp-enabled"],
    where: "`tftp.enabled`",
    read: (value) => (isTrue(value) ? nothing : set(["tftp", "enabled"], false)),
  },
  {
    flags: ["tftp-addr"],
    where: "`tftp.port`, where it names one",
    read: (value) => {
      const named = /:(\d+)$/.exec(value)?.[1] ?? "69";
      return named === "69" ? nothing : set(["tftp", "port"], port(named));
    },
  },
  absentUnless(
    ["tftp-server-bind-addr"],
    ["", "0.0.0.0"],
    "TFTP is served at the addresses of the interfaces",
  ),
  absentUnless(
    ["tftp-timeout"],
    ["", "5s", "10s"],
    "the retransmission timeout is measured for each transfer",
  ),
  {
    flags: ["tftp-block-size"],
    where: "`tftp.maxBlockSize`",
    read: (value) =>
      asDefault(value, "", "512") ? nothing : set(["tftp", "maxBlockSize"], Number(value)),
  },
  {
    flags: ["tftp-single-port"],
    where: "`tftp.singlePort`, on where nothing is said, as in SMEE",
    read: (value) => set(["tftp", "singlePort"], isTrue(value)),
  },
  {
    flags: ["tftp-asset-dir"],
    where: "`assets.directory`",
    read: (value) => (value === "" ? nothing : set(["assets", "directory"], value)),
  },
  absentUnless(
    ["pxe-http-enabled", "pxe-http-path-prefix"],
    ["", "false", "/tftp/"],
    "files for U-Boot come by /assets/ of the boot port",
  ),
];
