import { expect, test } from "vitest";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { planBoot } from "../../../src/boot/policy.ts";
import { decide, type Role } from "../../../src/dhcp/handlers/decide.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { LIMITED_BROADCAST } from "../../../src/lib/ip4.ts";
import { baseUrl, fullLink, packetWith, policy, proxyLink, sent } from "../../support/dhcp.ts";

/* Whoever forges a source, a `giaddr` or a `ciaddr` has us send to somebody else: how much for each byte. */

const HEADER_BYTES = 240;
const fromLink = "192.168.77.9";

/** The shortest datagram that means this: no padding, and no End, which nobody needs. */
function shortest(type: number, what: "giaddr" | "ciaddr" | "source"): Uint8Array {
  const options = { 53: Uint8Array.of(type), 60: fromText("PXEClient:Arch:00007") };
  const bytes = encodePacket(packetWith(options, what === "source" ? {} : { [what]: fromLink }));
  const optionBytes = Object.values(options).reduce((sum, { length }) => sum + 2 + length, 0);
  return bytes.subarray(0, HEADER_BYTES + optionBytes);
}

function bytesFor(request: Uint8Array, link: Link, role: Role, source: string): number {
  const read = readRequest(decodePacket(request), { address: source, port: 68 });
  const effects = decide(
    read,
    link,
    role,
    {
      plan: (client, node) => planBoot(client, node, policy, baseUrl),
      findNode: () => null,
      reservedFor: () => null,
      leases: new LeaseTable(),
      offers: new OfferTable(),
      offerStyles: new OfferStyleTable(),
      smee: null,
    },
    1_800_000_000_000,
  );
  return sent(effects)
    .filter(({ to }) => to.address !== LIMITED_BROADCAST)
    .reduce((sum, { packet }) => sum + encodePacket(packet).length, 0);
}

test("a DHCP answer to a forged address is less than twice its request", () => {
  const cases = [
    ["67, giaddr, proxy", MessageType.DISCOVER, "giaddr", proxyLink, "server", fromLink],
    ["67, giaddr, full", MessageType.DISCOVER, "giaddr", fullLink, "server", fromLink],
    ["67, ciaddr, full", MessageType.INFORM, "ciaddr", fullLink, "server", fromLink],
    ["67, source, proxy", MessageType.DISCOVER, "source", proxyLink, "server", fromLink],
    ["4011, source", MessageType.REQUEST, "source", proxyLink, "boot-server", fromLink],
  ] as const;
  const factors = cases.map(([name, type, what, link, role, source]) => {
    const request = shortest(type, what);
    return [name, bytesFor(request, link, role, source) / request.length] as const;
  });
  const answered = factors.filter(([, factor]) => factor > 0).map(([name]) => name);
  expect(answered).toEqual(cases.map(([name]) => name));
  expect(factors.filter(([, factor]) => factor >= 2)).toEqual([]);
});

test("without a relay agent, an address of its own or a source nothing leaves the link", () => {
  for (const link of [proxyLink, fullLink]) {
    const request = shortest(MessageType.DISCOVER, "source");
    expect(bytesFor(request, link, "server", "0.0.0.0")).toBe(0);
    // RFC 2131 4.3.6: what a client has in `ciaddr` when it discovers counts for nothing.
    const forged = shortest(MessageType.DISCOVER, "ciaddr");
    expect(bytesFor(forged, link, "server", "0.0.0.0")).toBe(0);
  }
});
