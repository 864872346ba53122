import { type DhcpPacket, encodePacket } from "../../dhcp/wire/packet.ts";
import type { UdpEndpoint, UdpSocket } from "../../net/udp.ts";
import { replyTo } from "./dhcp-wire.ts";
import { BootFailure } from "./failure.ts";
import type { Inbox } from "./inbox.ts";

// On a wire without loss a second is plenty; as firmware does, it asks four times (PXE 2.1, 3.1).
const tryMs = 1000;
const tries = 4;

/**
 * Sends a request and waits for the reply that carries its `xid`.
 *
 * @throws BootFailure when none comes
 */
export async function exchange(
  socket: UdpSocket,
  inbox: Inbox,
  server: UdpEndpoint,
  request: DhcpPacket,
): Promise<DhcpPacket> {
  for (let attempt = 0; attempt < tries; attempt++) {
    socket.send(encodePacket(request), server);
    for await (const { payload } of inbox.within(tryMs)) {
      const reply = replyTo(request.xid, payload);
      if (reply !== null) return reply;
    }
  }
  throw new BootFailure(
    `no DHCP answer from ${server.address}:${server.port} after ${tries} tries`,
  );
}
