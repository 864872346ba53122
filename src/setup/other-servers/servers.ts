import { formatSubnet, netmaskOf } from "../../lib/ip4.ts";
import { type BootSite, hexOf, type OtherServer } from "./site.ts";

/* DHCP servers that can be configured by text: what each has to lose, and what it has to say. */

const dnsmasqSettings = ({ loaders, tftpServer, scriptUrl }: BootSite): readonly string[] => [
  // Only iPXE sends option 175.
  "dhcp-match=set:ipxe,175",
  ...loaders.map(({ code, tag }) => `dhcp-match=set:${tag},option:client-arch,${code}`),
  `dhcp-boot=tag:ipxe,${scriptUrl}`,
  ...loaders.flatMap(({ tag, file, byHttp }) =>
    byHttp
      ? [
          `dhcp-option-force=tag:!ipxe,tag:${tag},60,HTTPClient`,
          `dhcp-boot=tag:!ipxe,tag:${tag},"${file}"`,
        ]
      : [`dhcp-boot=tag:!ipxe,tag:${tag},${file},,${tftpServer}`],
  ),
];

const dnsmasqRemovals: readonly string[] = [
  "# Remove every line that begins with dhcp-boot=, pxe-service=, pxe-prompt= or enable-tftp, and each dhcp-option= of",
  "# 43, 60, 66, 67, option:bootfile-name or option:tftp-server; find them with:",
  "# grep -rnE '^(dhcp-boot|pxe-|enable-tftp|dhcp-option.*(43|60|66|67|bootfile|tftp-server))' /etc/dnsmasq.conf /etc/dnsmasq.d",
];

export const dnsmasq: OtherServer = {
  title: "dnsmasq",
  where: "/etc/dnsmasq.d/eim-pxe.conf, then: systemctl restart dnsmasq",
  comment: "#",
  remove: () => dnsmasqRemovals,
  set: dnsmasqSettings,
  stop: ({ interface: name, subnet }) => [
    `# Where dnsmasq runs on another host: paste nothing, and remove each dhcp-range= of ${formatSubnet(subnet)} there; find them with:`,
    "# grep -rn '^dhcp-range' /etc/dnsmasq.conf /etc/dnsmasq.d",
    `# Where dnsmasq runs on this host, too: it keeps DNS on the link and leaves DHCP to eim-pxe.`,
    `no-dhcp-interface=${name}`,
  ],
};

export const iscDhcp: OtherServer = {
  title: "ISC dhcpd",
  where: "/etc/dhcp/dhcpd.conf, outside of any subnet { }, then: systemctl restart isc-dhcp-server",
  comment: "#",
  remove: () => [
    "# Remove every next-server, filename, option tftp-server-name, option bootfile-name,",
    '# option vendor-class-identifier "PXEClient" and option vendor-encapsulated-options; find them with:',
    "# grep -nE 'next-server|filename|bootfile|tftp-server|vendor-(class|encaps)' /etc/dhcp/dhcpd.conf",
  ],
  set: ({ loaders, tftpServer, scriptUrl, userClasses }) => [
    "option eim-architecture code 93 = unsigned integer 16;",
    `if exists user-class and (${userClasses.map((one) => `option user-class = ${quoted(one)}`).join(" or ")}) {`,
    `  filename ${quoted(scriptUrl)};`,
    ...loaders.flatMap(({ code, file, byHttp }) => [
      `} elsif option eim-architecture = ${hexPair(code)} {`,
      ...(byHttp
        ? ['  option vendor-class-identifier "HTTPClient";', `  filename ${quoted(file)};`]
        : [`  next-server ${tftpServer};`, `  filename ${quoted(file)};`]),
    ]),
    "}",
  ],
  stop: ({ subnet }) => [
    `# Remove the range of subnet ${subnet.network} (keep the subnet itself where dhcpd is attached to it), so that nothing is leased:`,
    `subnet ${subnet.network} netmask ${netmaskOf(subnet)} { not authoritative; ignore booting; ignore bootp; }`,
  ],
};

function quoted(text: string): string {
  return JSON.stringify(text);
}

/** `7` → `00:07`, as dhcpd compares two bytes. */
function hexPair(code: number): string {
  return hexOf(code)
    .slice(2)
    .replace(/^(..)(..)$/, "$1:$2");
}

export const kea: OtherServer = {
  title: "Kea (kea-dhcp4)",
  where: '/etc/kea/kea-dhcp4.conf, inside "Dhcp4": { }, then: systemctl restart kea-dhcp4-server',
  comment: "//",
  remove: () => [
    '// Remove "next-server", "boot-file-name" and "server-hostname" everywhere, and each "option-data" entry of',
    "// vendor-class-identifier (60), tftp-server-name (66), boot-file-name (67) and vendor-encapsulated-options (43).",
  ],
  set: ({ loaders, tftpServer, scriptUrl, userClasses }) => {
    const isIpxe = userClasses.map((one) => `option[77].hex == '${one}'`).join(" or ");
    const classes = [
      { name: "eim-ipxe", test: isIpxe, "boot-file-name": scriptUrl },
      ...loaders.map(({ code, tag, file, byHttp }) => ({
        name: `eim-${tag}`,
        test: `option[93].hex == ${hexOf(code)} and not member('eim-ipxe')`,
        "boot-file-name": file,
        ...(byHttp
          ? {
              "option-data": [
                { name: "vendor-class-identifier", data: "HTTPClient", "always-send": true },
              ],
            }
          : { "next-server": tftpServer }),
      })),
    ];
    return [
      '"client-classes": [',
      ...classes.map(
        (one, at) => `  ${JSON.stringify(one)}${at === classes.length - 1 ? "" : ","}`,
      ),
      "]",
    ];
  },
  stop: ({ interface: name, subnet }) => [
    `// Remove the subnet ${formatSubnet(subnet)} from "subnet4", and the link (such as ${name}) from "interfaces-config".`,
  ],
};

export const windows: OtherServer = {
  title: "Windows Server DHCP (PowerShell, as administrator)",
  where: "a PowerShell of the DHCP server",
  comment: "#",
  remove: ({ subnet }) => [
    `$scope = "${subnet.network}"`,
    "foreach ($id in 43, 60, 66, 67) {",
    "  Remove-DhcpServerv4OptionValue -OptionId $id -ErrorAction SilentlyContinue",
    "  Remove-DhcpServerv4OptionValue -ScopeId $scope -OptionId $id -ErrorAction SilentlyContinue",
    "}",
    "# Policies of the scope may set them, too: Get-DhcpServerv4Policy -ScopeId $scope",
    "# WDS on this server: wdsutil /set-server /DhcpOption60:No /UseDhcpPorts:No",
  ],
  set: ({ subnet, loaders, tftpServer, scriptUrl, userClasses }) => [
    `$scope = "${subnet.network}"`,
    ...userClasses.flatMap((one) => [
      `Add-DhcpServerv4Class -Name "eim ${one}" -Type User -Data "${one}"`,
      ...policyOf(`eim ${one}`, `-UserClass EQ,"eim ${one}"`, scriptUrl, null),
    ]),
    ...loaders.flatMap(({ code, tag, file, byHttp }) => {
      const kind = byHttp ? "HTTPClient" : "PXEClient";
      const name = `eim ${tag}`;
      return [
        `Add-DhcpServerv4Class -Name "${name}" -Type Vendor -Data "${kind}:Arch:${String(code).padStart(5, "0")}"`,
        ...policyOf(name, `-VendorClass EQ,"${name}*"`, file, byHttp ? null : tftpServer),
        ...(byHttp
          ? [
              "Add-DhcpServerv4OptionDefinition -OptionId 60 -Name ClassId -Type String -ErrorAction SilentlyContinue",
              `Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName "${name}" -OptionId 60 -Value "HTTPClient"`,
            ]
          : []),
      ];
    }),
    "# iPXE sends the same vendor class as the firmware below it: its policy has to come first.",
    ...userClasses.map(
      (one) => `Set-DhcpServerv4Policy -ScopeId $scope -Name "eim ${one}" -ProcessingOrder 1`,
    ),
  ],
  stop: ({ subnet }) => [`Set-DhcpServerv4Scope -ScopeId ${subnet.network} -State InActive`],
};

function policyOf(
  name: string,
  condition: string,
  file: string,
  server: string | null,
): readonly string[] {
  const value = `Set-DhcpServerv4OptionValue -ScopeId $scope -PolicyName "${name}"`;
  return [
    `Add-DhcpServerv4Policy -ScopeId $scope -Name "${name}" -Condition OR ${condition}`,
    ...(server === null ? [] : [`${value} -OptionId 66 -Value "${server}"`]),
    `${value} -OptionId 67 -Value "${file}"`,
  ];
}

export const openwrt: OtherServer = {
  title: "OpenWrt (dnsmasq)",
  where: "a shell of the router",
  comment: "#",
  remove: () => [
    "uci -q delete dhcp.@dnsmasq[0].dhcp_boot",
    "uci -q delete dhcp.@dnsmasq[0].enable_tftp",
    "while uci -q delete dhcp.@boot[0]; do :; done",
    "uci commit dhcp && /etc/init.d/dnsmasq restart",
    "# and each dhcp_option of 43, 60, 66 and 67: uci show dhcp | grep dhcp_option",
  ],
  set: (site) => [
    "cat >> /etc/dnsmasq.conf <<'END'",
    ...dnsmasqSettings(site),
    "END",
    "/etc/init.d/dnsmasq restart",
  ],
  stop: () => ["uci set dhcp.lan.ignore=1 && uci commit dhcp && /etc/init.d/dnsmasq restart"],
};

export const opnsense: OtherServer = {
  title: "OPNsense (Dnsmasq DNS & DHCP)",
  where: "a shell of the firewall (System: Settings: Administration: Secure Shell)",
  comment: "#",
  remove: () => [
    "# Services: Dnsmasq DNS & DHCP: DHCP options: remove those of 43, 60, 66, 67 and all of type Boot.",
    "# With Kea: Services: Kea DHCP: Subnets: empty Next server and TFTP bootfile name.",
    "# With ISC: Services: ISC DHCPv4: the interface: Network booting: take the mark from Enable.",
  ],
  set: (site) => [
    "cat > /usr/local/etc/dnsmasq.conf.d/eim-pxe.conf <<'END'",
    ...dnsmasqSettings(site),
    "END",
    "configctl dnsmasq restart",
  ],
  stop: () => [
    "# Services: Dnsmasq DNS & DHCP: DHCP ranges: remove those of the machines' interface, then Apply.",
  ],
};

export const mikrotik: OtherServer = {
  title: "MikroTik RouterOS 7",
  where: "a terminal of the router",
  comment: "#",
  remove: ({ subnet }) => [
    `/ip dhcp-server network set [find address="${formatSubnet(subnet)}"] !next-server !boot-file-name dhcp-option="" dhcp-option-set=none`,
    "# and see that no option of 43, 60, 66 or 67 is left: /ip dhcp-server option print",
  ],
  set: ({ subnet, loaders, tftpServer, scriptUrl, userClasses }) => [
    `/ip dhcp-server network set [find address="${formatSubnet(subnet)}"] next-server=${tftpServer}`,
    "# POOL and SERVER are the names of yours: /ip dhcp-server print",
    ...userClasses.flatMap((one) =>
      matcher(`eim-${one}`, { file: scriptUrl, code: 77, value: `"${one}"`, byHttp: false }),
    ),
    ...loaders.flatMap(({ tag, code, file, byHttp }) =>
      matcher(`eim-${tag}`, { file, code: 93, value: hexOf(code), byHttp }),
    ),
  ],
  stop: ({ subnet }) => [
    `# the server whose network is ${formatSubnet(subnet)}: /ip dhcp-server print`,
    "/ip dhcp-server disable SERVER",
  ],
};

function matcher(
  name: string,
  {
    file,
    code,
    value,
    byHttp,
  }: {
    readonly file: string;
    readonly code: number;
    readonly value: string;
    readonly byHttp: boolean;
  },
): readonly string[] {
  const extra = byHttp ? `,${name}-60` : "";
  return [
    `/ip dhcp-server option add name=${name}-67 code=67 value="'${file}'"`,
    ...(byHttp ? [`/ip dhcp-server option add name=${name}-60 code=60 value="'HTTPClient'"`] : []),
    `/ip dhcp-server option sets add name=${name} options=${name}-67${extra}`,
    `/ip dhcp-server matcher add name=${name} server=SERVER address-pool=POOL code=${code} value=${value} option-set=${name}`,
  ];
}

export const technitium: OtherServer = {
  title: "Technitium DNS Server",
  where: "its web console: DHCP: Scopes: the machines' scope: Edit",
  comment: "#",
  remove: () => [
    "# Empty Bootstrap Server Address, Server Host Name, Boot File Name and TFTP Server Addresses;",
    "# under Vendor Specific Information and Generic Options remove 43, 60, 66 and 67. Save.",
  ],
  set: ({ loaders, tftpServer, scriptUrl }) => {
    const uefi = loaders.find(({ code }) => code === 7);
    return [
      "# A scope has one boot file for all machines, so BIOS and UEFI cannot be told apart, nor firmware and iPXE: mode",
      "# proxy is better here. For UEFI machines alone, with iPXE 1.21 or later, which fetches autoexec.ipxe by itself",
      `# and so comes to ${scriptUrl}:`,
      `#   Bootstrap Server Address: ${tftpServer}`,
      `#   Boot File Name:           ${uefi?.file ?? "ipxe.efi"}`,
    ];
  },
  stop: () => ["# Disable the scope, or remove the interface's address from it."],
};
