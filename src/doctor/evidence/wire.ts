import { networkInterfaces } from "node:os";
import { syntheticUuid } from "../../boot/synthetic-uuid.ts";
import type { Config } from "../../config/schema.ts";
import { CLIENT_PORT } from "../../dhcp/message/destination.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import { openSharedSocket } from "../../net/device-socket.ts";
import type { NetworkInterface } from "../../net/interfaces.ts";
import { bootRequest } from "../../pxe-client/wire/dhcp-requests.ts";
import { newXid } from "../../pxe-client/wire/dhcp-wire.ts";
import { collectOffers } from "../../pxe-client/wire/discovery.ts";
import { Inbox } from "../../pxe-client/wire/inbox.ts";
import { syntheticMac } from "../../pxe-client/wire/synthetic-identity.ts";
import type { DoctorLink, HeardLink } from "../site.ts";

/** Asks as the firmware of a UEFI machine that nobody knows, and hears out a whole round; takes no lease. */
export async function listen(
  link: DoctorLink & { readonly ours: string },
  config: Config,
  interfaces: readonly NetworkInterface[],
  peers: readonly Ip4[],
): Promise<HeardLink> {
  const { name, ours } = link;
  const heard = { link, config, offers: [], peers, unheard: null, unasked: null };
  try {
    const socket = await openSharedSocket(name, ours, CLIENT_PORT);
    try {
      const mac = syntheticMac(macOf(name, ours));
      const machine = { mac, uuid: syntheticUuid(mac), firmware: "uefi" } as const;
      const own = new Set(interfaces.flatMap((one) => one.addresses.map(({ address }) => address)));
      const isOther = ({ server }: { readonly server: string }) => !own.has(server);
      const inbox = new Inbox(socket);
      const offers = await collectOffers(
        { socket, inbox },
        bootRequest(machine, newXid(), "firmware", null),
        { usable: (seen) => seen.some(isOther), decided: () => false },
      );
      const unasked = offers.length === 0 ? (inbox.failure?.message ?? null) : null;
      return { ...heard, offers: offers.filter(isOther), unasked };
    } finally {
      await socket.close();
    }
  } catch (error) {
    return { ...heard, unheard: messageOf(error) };
  }
}

/** The hardware address of an interface, as the seed of an identity. */
export function macOf(name: string, address: string): string {
  return networkInterfaces()[name]?.find((entry) => entry.address === address)?.mac ?? "";
}
