import { describe, expect, it } from "vitest";
import { filterVerdict, type IncomingPacket } from "../../../src/doctor/firewall/chains.ts";
import { readIptables } from "../../../src/doctor/firewall/iptables.ts";

const discover: IncomingPacket = {
  interface: "eth1",
  transport: "udp",
  port: 67,
  broadcast: true,
};
const offer: IncomingPacket = { ...discover, port: 68 };
const tftp: IncomingPacket = { interface: "eth1", transport: "udp", port: 69, broadcast: false };
const http: IncomingPacket = { interface: "eth1", transport: "tcp", port: 8080, broadcast: false };

describe("iptables", () => {
  const verdictOf = (text: string, packet: IncomingPacket) =>
    filterVerdict(readIptables(text), packet).kind;
  const table = (policy: string, ...rules: readonly string[]) =>
    [
      "*filter",
      `:INPUT ${policy} [0:0]`,
      ":FORWARD DROP [0:0]",
      ":site - [0:0]",
      ...rules,
      "COMMIT",
    ].join("\n");

  it("drops what a rule or the policy drops", () => {
    const rule = "-A INPUT -p udp -m udp --dport 67 -j DROP";
    expect(verdictOf(table("ACCEPT", rule), discover)).toBe("drop");
    expect(verdictOf(table("ACCEPT", rule), tftp)).toBe("accept");
    expect(verdictOf(table("DROP"), tftp)).toBe("drop");
    // What is forwarded does not matter.
    expect(verdictOf(table("ACCEPT"), tftp)).toBe("accept");
  });

  it("lets in by several ports, ranges, interfaces and chains", () => {
    const rules = [
      "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      '-A INPUT -i eth1 -m comment --comment "boot ports" -j site',
      "-A site -p udp -m multiport --dports 67:69,4011 -j ACCEPT",
      "-A site -p tcp ! -i eth2 --dport 8080 -j ACCEPT",
    ];
    for (const packet of [discover, tftp, http]) {
      expect(verdictOf(table("DROP", ...rules), packet)).toBe("accept");
    }
    expect(verdictOf(table("DROP", ...rules), { ...http, interface: "eth2" })).toBe("drop");
  });

  it("lets another server's offer in, as ufw does by itself", () => {
    const rule = "-A INPUT -p udp -m udp --sport 67 --dport 68 -j ACCEPT";
    expect(verdictOf(table("DROP", rule), offer)).toBe("accept");
    expect(verdictOf(table("DROP", rule), discover)).toBe("drop");
    expect(verdictOf(table("DROP", "-A INPUT -s 192.168.77.2/32 -j ACCEPT"), offer)).toBe(
      "unclear",
    );
  });

  it("passes over what logs and counts", () => {
    const rules = ['-A INPUT -p udp -j LOG --log-prefix "in: "', "-A INPUT -p udp"];
    expect(verdictOf(table("ACCEPT", ...rules), discover)).toBe("accept");
  });

  it("says that it does not know", () => {
    const rule = "-A INPUT -p udp -m limit --limit 5/sec -j ACCEPT";
    expect(verdictOf(table("DROP", rule), discover)).toBe("unclear");
    expect(verdictOf(table("DROP", "-A INPUT -s 10.0.0.0/8 -j ACCEPT"), tftp)).toBe("unclear");
    expect(verdictOf(table("DROP", "-A INPUT -s 10.0.0.0/8 -j ACCEPT"), discover)).toBe("drop");
  });

  /** What ufw makes, but for its chains that only log; with what `ufw allow` adds. */
  const ufw = (...allowed: readonly string[]) =>
    [
      "*filter",
      ":INPUT DROP [0:0]",
      ...["before-input", "after-input", "not-local", "skip-to-policy-input", "user-input"].map(
        (name) => `:ufw-${name} - [0:0]`,
      ),
      "-A INPUT -j ufw-before-input",
      "-A INPUT -j ufw-after-input",
      "-A ufw-after-input -p udp -m udp --dport 67 -j ufw-skip-to-policy-input",
      "-A ufw-after-input -m addrtype --dst-type BROADCAST -j ufw-skip-to-policy-input",
      "-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
      "-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT",
      "-A ufw-before-input -j ufw-not-local",
      "-A ufw-before-input -j ufw-user-input",
      "-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN",
      "-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN",
      "-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN",
      "-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j LOG",
      "-A ufw-not-local -j DROP",
      "-A ufw-skip-to-policy-input -j DROP",
      ...allowed.map((rule) => `-A ufw-user-input ${rule} -j ACCEPT`),
      "COMMIT",
    ].join("\n");

  it("is sure of what ufw lets in and what it drops", () => {
    const open = ufw("-i eth1 -p udp -m multiport --dports 67,69", "-p tcp -m tcp --dport 8080");
    for (const packet of [discover, tftp, http, offer]) {
      expect(verdictOf(open, packet)).toBe("accept");
    }
    for (const packet of [discover, tftp, http]) expect(verdictOf(ufw(), packet)).toBe("drop");
    expect(verdictOf(ufw(), offer)).toBe("accept");
  });

  it("knows unicasts, and that nothing to a port of ours is translated", () => {
    const unicast = "-A INPUT -m pkttype --pkt-type unicast -j ACCEPT";
    expect(verdictOf(table("DROP", unicast), tftp)).toBe("accept");
    expect(verdictOf(table("DROP", unicast), discover)).toBe("drop");
    const translated = "-A INPUT -m conntrack --ctstatus DNAT -j ACCEPT";
    expect(verdictOf(table("DROP", translated), tftp)).toBe("drop");
  });
});
