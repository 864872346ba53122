import { type FilterChain, type FilterVerdict, type IncomingPacket } from "./chains.ts";

/**
 * The command that lets a packet in, of the program that looks after the rules.
 *
 * @param ofIptables the names of chains that iptables-save shows: nft does not know those of the former iptables
 */
export function openingFor(
  chains: readonly FilterChain[],
  ofIptables: ReadonlySet<string>,
  packet: IncomingPacket,
  verdict: FilterVerdict,
): string {
  const { interface: name, transport, port } = packet;
  const has = (word: string) => chains.some((chain) => chain.name.includes(word));
  if (has("firewalld")) {
    return `firewall-cmd --permanent --zone=$(firewall-cmd --get-zone-of-interface=${name}) --add-port=${port}/${transport} && firewall-cmd --reload`;
  }
  if (has("ufw")) return `ufw allow in on ${name} to any port ${port} proto ${transport}`;
  const place = verdict.kind === "accept" ? "inet filter input" : verdict.chain;
  if (!ofIptables.has(place)) {
    return `nft insert rule ${place} iifname "${name}" ${transport} dport ${port} accept`;
  }
  const [, table = "filter", chain = "INPUT"] = place.split(" ");
  const inTable = table === "filter" ? "" : `-t ${table} `;
  return `iptables ${inTable}-I ${chain} -i ${name} -p ${transport} --dport ${port} -j ACCEPT`;
}
