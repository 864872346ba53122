import type { Link } from "../../dhcp/link.ts";
import type { UdpSocket } from "../../net/udp.ts";
import type { ListenerParts } from "./listeners.ts";
import type { TftpClients } from "./tftp-clients.ts";

/** How the sockets are opened that a link's DHCP requests come to, and what is done with each answer before it leaves. */
export function dhcpSocketOpener(
  { options, captures, leadership, emit }: ListenerParts,
  tftpClients: TftpClients,
): (link: Link, port: number) => Promise<UdpSocket> {
  return async (link, port) => {
    const socket = await options.openDhcpSocket(link, port);
    if (socket.means === "shared") {
      emit({ event: "shared-socket", interface: link.interface });
    }
    const local = { address: link.address, port: socket.local.port };
    const recorded = captures?.dhcp(socket, local) ?? socket;
    const send: UdpSocket["send"] = (payload, to) => {
      // It answers machines of networks that it does not know; they come for their loader next.
      if (link.mode === "proxy") tftpClients.dhcpAnswered(to);
      // However long the process was stopped before this answer: another replica may lead by now.
      else if (leadership?.isLeading() === false) return;
      recorded.send(payload, to);
    };
    return { ...recorded, send };
  };
}
