import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { BindError } from "../../../src/lib/errors.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { firmware, message, packetWith, selecting } from "../../support/dhcp.ts";
import { address, DhcpServers, fullLink, proxyLink } from "../../support/dhcp-servers.ts";

let site: DhcpServers;
beforeEach(() => (site = new DhcpServers()));
afterEach(() => site.close());

describe("a server beside another one (mode proxy)", () => {
  test("listens on two ports, and answers each from where it was asked", async () => {
    const { server, ports } = await site.start({ links: [proxyLink] });
    const [main = 0, boot = 0] = ports;
    expect(server.sockets).toEqual([
      `dhcp lo ${address}:${main}`,
      `boot-server lo ${address}:${boot}`,
    ]);
    const offer = await site.exchange(main, message(firmware.uefi));
    expect(offer.from.port).toBe(main);
    expect(offer.packet).toMatchObject({ yiaddr: "0.0.0.0", siaddr: address, file: "ipxe.efi" });
    const booted = await site.exchange(boot, message(firmware.uefi, 3), { ciaddr: address });
    expect(booted.from.port).toBe(boot);
    expect(booted.packet.file).toBe("ipxe.efi");
  });
});

describe("a server that overhears the others of its link (mode proxy)", () => {
  /** An offer with option 60 `PXEClient` and no option 43, which no proxy can win against. */
  const offer = packetWith(
    { 53: Uint8Array.of(2), 54: ip4ToBytes("127.0.0.2"), 60: fromText("PXEClient") },
    { op: 2, yiaddr: "127.0.7.9" },
  );
  const taken = encodePacket(packetWith(selecting(firmware.uefi, "127.0.0.2", "127.0.7.9")));

  async function startListening() {
    const handlers: Parameters<UdpSocket["onMessage"]>[0][] = [];
    const listener = await openDgram({ address, port: 0 });
    const openListener = async (): Promise<UdpSocket> => ({
      ...listener,
      onMessage: (handler) => handlers.push(handler),
    });
    const started = await site.start({ links: [proxyLink], openListener });
    const overhear = (payload: Uint8Array): void => {
      for (const handler of handlers) handler(payload, { address: "127.0.0.2", port: 67 });
    };
    return { ...started, overhear };
  }

  test("reports what they offer a machine that asked us how to boot", async () => {
    const { ports, event, overhear } = await startListening();
    await site.exchange(ports[0] ?? 0, message(firmware.uefi));
    overhear(encodePacket(offer));
    expect(await event("competing-offer")).toEqual({
      event: "competing-offer",
      mac: "08:00:27:29:4e:67",
      address: null,
      interface: "lo",
      server: "127.0.0.2",
      offered: "127.0.7.9",
      network: null,
      reachesUs: true,
      pxe: true,
      bootFile: false,
      discovery: false,
      lacks: [],
    });
  });

  test("names the one that keeps a machine from its own offers", async () => {
    const { ports, event, overhear } = await startListening();
    for (const heard of [Uint8Array.of(1, 2, 3), encodePacket(offer)]) overhear(heard);
    const client = await openDgram({ address, port: 0 });
    site.closeAtEnd(client);
    client.send(taken, { address, port: ports[0] ?? 0 });
    expect(await event("unbeatable-server")).toMatchObject({
      mac: "08:00:27:29:4e:67",
      interface: "lo",
      server: "127.0.0.2",
      reason: expect.stringContaining("remove option 60"),
    });
  });

  test("serves its link also when it cannot hear them, and says so", async () => {
    const openListener = () => Promise.reject(new BindError("cannot bind UDP 0.0.0.0:68"));
    const { ports, event } = await site.start({ links: [proxyLink], openListener });
    expect(await event("offers-unheard")).toEqual({
      event: "offers-unheard",
      interface: "lo",
      reason: "cannot bind UDP 0.0.0.0:68",
    });
    const { packet } = await site.exchange(ports[0] ?? 0, message(firmware.uefi));
    expect(packet.file).toBe("ipxe.efi");
  });

  test("does not listen in mode full, where its own offers count", async () => {
    let listeners = 0;
    const openListener = async () => {
      listeners += 1;
      return openDgram({ address, port: 0 });
    };
    await site.start({ links: [fullLink], openListener });
    expect(listeners).toBe(0);
  });
});
