import { architectureName } from "../../boot/architecture.ts";
import { syntheticUuid } from "../../boot/synthetic-uuid.ts";
import { CLIENT_PORT } from "../../dhcp/message/destination.ts";
import { readRequest } from "../../dhcp/message/request.ts";
import { MessageType } from "../../dhcp/wire/message-type.ts";
import { decodePacket } from "../../dhcp/wire/packet.ts";
import { decodedOrNull, messageOf } from "../../lib/errors.ts";
import type { Mac } from "../../lib/mac.ts";
import { openListener, openSharedSocket } from "../../net/device-socket.ts";
import { openDgram, openDgramConnected } from "../../net/dgram.ts";
import type { UsableInterface } from "../../net/interfaces.ts";
import { probe } from "../../pxe-client/probe/probe.ts";
import type { Firmware } from "../../pxe-client/wire/dhcp-requests.ts";
import { syntheticMac } from "../../pxe-client/wire/synthetic-identity.ts";
import type { LinkEvidence, OtherMachine, PlayedFirmware } from "../link-check.ts";
import { macOf } from "./wire.ts";

const kinds: readonly Firmware[] = ["bios", "uefi", "uefi-http", "ipxe"];

/** Plays the four kinds of firmware one after the other, and listens to other machines meanwhile; takes no lease. */
export async function playOnLink(
  { name, address, subnet }: UsableInterface,
  onPlayed: (played: PlayedFirmware) => void,
): Promise<LinkEvidence> {
  const startMs = performance.now();
  const mac = syntheticMac(macOf(name, address));
  const machines = await overhear(name, mac);
  const played: PlayedFirmware[] = [];
  try {
    for (const firmware of kinds) {
      const clientPort = await openSharedSocket(name, address, CLIENT_PORT);
      try {
        const machine = { mac, uuid: syntheticUuid(mac), firmware };
        const result = await probe(machine, {
          interface: name,
          address,
          clientPort,
          unknownMac: mac,
          openUdp: openDgram,
          openConnectedUdp: openDgramConnected,
          onStep: () => {},
        });
        played.push({ firmware, result });
        onPlayed({ firmware, result });
      } finally {
        await clientPort.close();
      }
    }
  } finally {
    await machines.stop();
  }
  const listenedMs = performance.now() - startMs;
  const { seen, unheard } = machines;
  return {
    interface: name,
    address,
    subnet,
    played,
    others: [...seen.values()],
    unheard,
    listenedMs,
  };
}

/** More machines than a link has; a flood of invented ones fills nothing. */
const MOST_MACHINES = 1000;

/** The DHCP requests of other boot clients, which are broadcast. */
async function overhear(device: string, own: Mac) {
  const seen = new Map<Mac, OtherMachine>();
  try {
    const socket = await openListener({ device, port: 67 });
    socket.onMessage((payload, from) => {
      const request = decodedOrNull(() => readRequest(decodePacket(payload), from, []));
      if (request === null || request.mac === own) return;
      const { mac, client, messageType } = request;
      const before = seen.get(mac);
      const isNew = before === undefined;
      if (isNew && (client.transport === null || seen.size >= MOST_MACHINES)) return;
      const machine = architectureName(client.architectures[0] ?? null);
      const { asked = 0, wentOn = false } = before ?? {};
      seen.set(mac, {
        mac,
        machine: before?.machine ?? machine,
        asked: asked + (messageType === MessageType.DISCOVER ? 1 : 0),
        wentOn: wentOn || messageType === MessageType.REQUEST,
      });
    });
    socket.onError(() => {});
    return { seen, unheard: null, stop: () => socket.close() };
  } catch (error) {
    return { seen, unheard: messageOf(error), stop: () => Promise.resolve() };
  }
}
