import { describe, expect, it } from "vitest";
import { filterVerdict } from "../../../src/doctor/firewall/chains.ts";
import { readIptables } from "../../../src/doctor/firewall/iptables.ts";
import { readNft } from "../../../src/doctor/firewall/nft.ts";
import { openingFor } from "../../../src/doctor/firewall/opening.ts";

const tftp = { interface: "eth1", transport: "udp", port: 69, broadcast: false } as const;

describe("the command that lets a packet in", () => {
  const ofIptables = (text: string) => {
    const chains = readIptables(text);
    const names = new Set(chains.map(({ name }) => name));
    return openingFor(chains, names, tftp, filterVerdict(chains, tftp));
  };
  const filter = (...lines: readonly string[]) =>
    ["*filter", ":INPUT ACCEPT [0:0]", ":site - [0:0]", ...lines, "COMMIT"].join("\n");
  const opening = "-i eth1 -p udp --dport 69 -j ACCEPT";

  it("is one of iptables where iptables-save shows the chain, whichever one that is", () => {
    expect(ofIptables(filter("-A INPUT -p udp -j DROP"))).toBe(`iptables -I INPUT ${opening}`);
    expect(ofIptables(filter("-A INPUT -j site", "-A site -p udp -j DROP"))).toBe(
      `iptables -I site ${opening}`,
    );
    const raw = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -j DROP\nCOMMIT";
    expect(ofIptables(raw)).toBe(`iptables -t raw -I PREROUTING ${opening}`);
  });

  it("is one of nft, of ufw or of firewalld", () => {
    const chain = (table: string) =>
      JSON.stringify({
        nftables: [
          { chain: { family: "inet", table, name: "input", hook: "input", policy: "drop" } },
        ],
      });
    const ofNft = (table: string) => {
      const chains = readNft(chain(table))?.chains ?? [];
      return openingFor(chains, new Set(), tftp, filterVerdict(chains, tftp));
    };
    expect(ofNft("site")).toBe(
      'nft insert rule inet site input iifname "eth1" udp dport 69 accept',
    );
    expect(ofNft("firewalld")).toContain("--add-port=69/udp");
    const ufw = filter(":ufw-user-input - [0:0]", "-A INPUT -p udp -j DROP");
    expect(ofIptables(ufw)).toBe("ufw allow in on eth1 to any port 69 proto udp");
  });
});
