import { describe, expect, it } from "vitest";
import { type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { startReply } from "../../../src/dhcp/message/reply.ts";
import type { Source } from "../../../src/dhcp/message/request.ts";
import { route, routeFromBootServer } from "../../../src/dhcp/message/destination.ts";
import { firmware, message, requestWith } from "../../support/dhcp.ts";

function routed(
  changes: Partial<DhcpPacket>,
  source: Source,
  type: number = MessageType.ACK,
): string {
  const request = requestWith(message(firmware.uefi, MessageType.REQUEST), changes, source);
  const { address, port } = route(request, startReply(request, type));
  return `${address}:${port}`;
}

const nowhere: Source = { address: "0.0.0.0", port: 68 };
const client: Source = { address: "192.168.77.50", port: 68 };

describe("a reply goes", () => {
  it("to a relay agent's port 67", () => {
    const relay: Source = { address: "192.168.5.1", port: 67 };
    expect(routed({ giaddr: "192.168.5.1" }, relay)).toBe("192.168.5.1:67");
  });

  it("to the relay agent that the header names, whoever forwarded the datagram", () => {
    const relay: Source = { address: "10.9.9.9", port: 1067 };
    expect(routed({ giaddr: "192.168.5.1", ciaddr: "192.168.5.7" }, relay)).toBe("192.168.5.1:67");
  });

  it("to the relay agent when it is a DHCPNAK", () => {
    expect(routed({ giaddr: "192.168.5.1" }, nowhere, MessageType.NAK)).toBe("192.168.5.1:67");
  });

  it("to everybody on the client's port when the client has no address", () => {
    expect(routed({}, nowhere)).toBe("255.255.255.255:68");
    expect(routed({}, { address: "0.0.0.0", port: 1068 })).toBe("255.255.255.255:68");
  });

  it("to everybody whatever the broadcast flag of a client without an address", () => {
    expect(routed({ flags: 0 }, nowhere)).toBe("255.255.255.255:68");
  });

  it("to the source when that has an address", () => {
    expect(routed({}, client)).toBe("192.168.77.50:68");
  });

  it.each<[string, Partial<DhcpPacket>, Partial<Source>, string]>([
    ["by the flag of a broadcast without ciaddr", {}, { isBroadcast: true }, "255.255.255.255:68"],
    ["not without the flag", { flags: 0 }, { isBroadcast: true }, "192.168.77.50:68"],
    ["not by a unicast", {}, { isBroadcast: false }, "192.168.77.50:68"],
    ["not with ciaddr", { ciaddr: "192.168.77.50" }, { isBroadcast: true }, "192.168.77.50:68"],
  ])("to everybody although the source has an address: %s", (_, changes, source, destination) => {
    expect(routed(changes, { ...client, ...source })).toBe(destination);
  });

  it("to ciaddr when the client renews", () => {
    expect(routed({ ciaddr: "192.168.77.50" }, client)).toBe("192.168.77.50:68");
    expect(routed({ ciaddr: "192.168.77.50" }, nowhere)).toBe("192.168.77.50:68");
  });

  it("to everybody when it is a DHCPNAK, also to one who renews", () => {
    expect(routed({ ciaddr: "10.0.0.9" }, client, MessageType.NAK)).toBe("255.255.255.255:68");
  });

  it("to port 68 when the source port is 0, to which nothing can be sent", () => {
    expect(routed({}, { address: "0.0.0.0", port: 0 })).toBe("255.255.255.255:68");
  });
});

describe("a boot server's reply goes", () => {
  it.each<[string, Partial<DhcpPacket>, Source, string]>([
    ["to EDK2's port 4011", {}, { address: "192.168.77.50", port: 4011 }, "192.168.77.50:4011"],
    ["to iPXE's port 68", { ciaddr: "192.168.77.50" }, client, "192.168.77.50:68"],
    ["to the source, not ciaddr", { ciaddr: "192.168.77.60" }, client, "192.168.77.50:68"],
    ["to everybody without a source address", {}, nowhere, "255.255.255.255:68"],
  ])("%s", (_, changes, source, destination) => {
    const { address, port } = routeFromBootServer(
      requestWith(message(firmware.uefi), changes, source),
    );
    expect(`${address}:${port}`).toBe(destination);
  });
});
