import { otherServerKinds } from "../../src/api/site.ts";
import { describe, expect, it } from "vitest";
import type { BootSite } from "../../src/setup/other-servers/site.ts";
import { otherServers, otherServerText } from "../../src/setup/other-servers/text.ts";

/** As `explain --other-server` has it for the configuration of the documents. */
const site: BootSite = {
  interface: "eth1",
  address: "192.168.77.1",
  tftpServer: "192.168.77.1",
  subnet: { network: "192.168.77.0", prefixLength: 24 },
  mode: "proxy",
  loaders: [
    { code: 0, machine: "x86 BIOS", tag: "arch0", file: "undionly.kpxe", byHttp: false },
    { code: 7, machine: "x86-64 UEFI", tag: "arch7", file: "ipxe.efi", byHttp: false },
    {
      code: 16,
      machine: "x86-64 UEFI HTTP",
      tag: "arch16",
      file: "http://192.168.77.1:8080/loaders/ipxe.efi",
      byHttp: true,
    },
  ],
  scriptUrl: "http://192.168.77.1:8080/boot.ipxe",
  userClasses: ["iPXE"],
};

describe.each(otherServerKinds)("%s", (name) => {
  const text = (mode: BootSite["mode"]) => otherServerText(name, { ...site, mode });

  it("is told about this site in each mode, in its own language", () => {
    const { comment } = otherServers[name];
    for (const mode of ["proxy", "full", "off"] as const) {
      const [head = "", ...lines] = text(mode).split("\n");
      expect(head.startsWith(`${comment} `)).toBe(true);
      expect(head).toContain("192.168.77.0/24, where eim-pxe is 192.168.77.1 (eth1)");
      expect(lines.some((line) => line !== "" && !line.startsWith(`${comment} eim-pxe`))).toBe(
        true,
      );
    }
  });

  it("is told what to boot only in mode off", () => {
    expect(text("off")).toContain("http://192.168.77.1:8080/boot.ipxe");
    expect(text("off")).toContain("ipxe.efi");
    for (const mode of ["proxy", "full"] as const) expect(text(mode)).not.toContain("ipxe.efi");
  });
});

it("dnsmasq on another host, whose interfaces are not ours, is told what to remove there", () => {
  const text = otherServerText("dnsmasq", { ...site, mode: "full" });
  expect(text).toContain("on another host");
  expect(text).toContain("remove each dhcp-range= of 192.168.77.0/24");
});

describe.each(otherServerKinds)("%s, where another host serves TFTP", (name) => {
  const text = otherServerText(name, { ...site, mode: "off", tftpServer: "192.168.77.5" });

  it("sends machines there for loaders, and here for the script and by HTTP", () => {
    expect(text).toContain("192.168.77.5");
    const settings = text.split("\n").slice(3).join("\n");
    const ours = settings.match(/.{0,7}192\.168\.77\.1\b/g) ?? [];
    expect(ours.length).toBeGreaterThan(0);
    for (const place of ours) expect(place).toBe("http://192.168.77.1");
  });
});

describe("docs/other-dhcp-servers.md", () => {
  it("is what the command prints", async () => {
    const parts = otherServerKinds.map((name) => {
      const block = (mode: BootSite["mode"]) =>
        `\`\`\`\n${otherServerText(name, { ...site, mode }).trimEnd()}\n\`\`\``;
      return `## ${otherServers[name].title}\n\n${block("proxy")}\n\n${block("off")}\n`;
    });
    const page = `# The site's own DHCP server

Beside eim-pxe in mode proxy the site's DHCP server goes on giving out addresses, and nothing has to be set in it. What it
says of booting has to go: firmware takes either answer. \`eim-pxe doctor\` and \`eim-pxe init\` find such a server on the link.

\`\`\`
eim-pxe explain --other-server dnsmasq                 # isc-dhcp, kea, windows, mikrotik, opnsense, openwrt, technitium
eim-pxe explain --other-server kea --mode off          # the other server is to say what to boot; dhcp.mode is off here
eim-pxe explain --other-server isc-dhcp --mode full    # eim-pxe is to take its place
\`\`\`

It prints what follows with this site's addresses, for the configured mode of the interface or the one that is named. Below
each product stands the text for mode proxy, then that for mode off, in which the other server names the loaders and the
script itself. Those of dnsmasq, ISC dhcpd and Kea are given to these programs in the tests, and machines boot by them; those of the
other products follow their documentation. In mode off nothing adapts to a machine's firmware: mode proxy is to be preferred where
broadcasts reach this host.

${parts.join("\n")}`;
    await expect(page).toMatchFileSnapshot("../../docs/other-dhcp-servers.md");
  });
});
