import { absentUnless, addressOf, asDefault, type FlagRow, ofLink, port } from "./flag-row.ts";
import { isTrue, note, nothing, set } from "./outcome.ts";

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
    where: "absent: the loader comes by TFTP from the interface's address",
    read: (value, all) => {
      const [host = "", tftpPort] = value.split(":");
      if (tftpPort !== undefined && tftpPort !== "69") return set(["tftp", "port"], port(tftpPort));
      return asDefault(host, "", addressOf(all) ?? "")
        ? nothing
        : note("the loader comes by TFTP from the interface's address");
    },
  },
  {
    flags: ["dhcp-tftp-port", "tftp-server-bind-port", "tftp-port"],
    where: "`tftp.port`",
    read: (value) => (asDefault(value, "", "69") ? nothing : set(["tftp", "port"], port(value))),
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
    where: "`tftp.singlePort`",
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
