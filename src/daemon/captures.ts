import type { PacketReply } from "../api/packets.ts";
import { describeDatagram } from "../capture/described.ts";
import type { SeenDatagram } from "../capture/datagram.ts";
import { writePcap } from "../capture/pcap-writer.ts";
import { CaptureRecorder } from "../capture/recorder.ts";
import { type NamedMachine, redacted } from "../capture/redaction.ts";
import type { Config } from "../config/schema.ts";
import type { LeaseTable } from "../dhcp/leases/lease-table.ts";
import { lookedThrough } from "../lib/lists/looked-through.ts";
import type { ListenerOptions } from "./links/listeners.ts";
import type { Clock } from "../lib/clock.ts";
import { ANY_ADDRESS, type Ip4, LIMITED_BROADCAST } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import type { UdpEndpoint, UdpSocket } from "../net/udp.ts";
import type { Inventory } from "../nodes/inventory.ts";
import type { Boot } from "../timeline/boot.ts";
import type { BootSessions } from "../timeline/boots.ts";

export interface CaptureParts {
  readonly sessions: BootSessions;
  readonly inventory: () => Inventory;
  readonly leases: LeaseTable;
  /** Addresses of this server. */
  readonly ownAddresses: () => readonly Ip4[];
  readonly clock: Clock;
}

/** No offer is larger than a frame. */
const LARGEST_BYTES = 1500;
/** TFTP's opcode (RFC 1350 5). */
const DATA = 3;
/** A packet that begins a boot comes this much before the boot's own first moment at most. */
const LEAD_MS = 250;

/** Null where the configuration switches captures off. */
export function capturesOf({ timeline }: Config, parts: CaptureParts): SiteCaptures | null {
  return timeline.captures ? new SiteCaptures(parts) : null;
}

/** The last packets of each machine: hears of them at the sockets, and hands them out by boot. */
export class SiteCaptures {
  readonly #parts: CaptureParts;
  readonly #recorder: CaptureRecorder;

  constructor(parts: CaptureParts) {
    const { sessions, inventory, clock } = parts;
    this.#parts = parts;
    this.#recorder = new CaptureRecorder({
      now: () => clock.now(),
      machineAt: (address) => sessions.machineAt(address),
      // What only a wildcard fits, anybody can make up.
      isKnown: (mac) => inventory().find({ mac, uuid: null, serial: null })?.mac === mac,
    });
  }

  /** A link's DHCP socket, whose packets are recorded. `local`: what it answers from. */
  dhcp<Socket extends UdpSocket>(socket: Socket, local: UdpEndpoint): Socket {
    const all = { address: LIMITED_BROADCAST, port: local.port };
    const recorder = this.#recorder;
    return {
      ...socket,
      send: (payload, to) => {
        recorder.dhcp({ source: local, destination: to, payload });
        socket.send(payload, to);
      },
      onMessage: (handler) => {
        socket.onMessage((payload, from, arrival) => {
          const isToAll = arrival === "broadcast" || from.address === ANY_ADDRESS;
          recorder.dhcp({ source: from, destination: isToAll ? all : local, payload });
          handler(payload, from, arrival);
        });
      },
    };
  }

  /** The opener of the sockets that receive other servers' offers. */
  offers(open: ListenerOptions["openOfferListener"]): ListenerOptions["openOfferListener"] {
    if (open === null) return null;
    return async (link) => {
      const socket = await open(link);
      const all = { address: LIMITED_BROADCAST, port: socket.local.port };
      socket.onMessage((payload, from) => {
        // Our own broadcasts come back to us, and are recorded where they leave.
        if (from.address === link.address || payload.length > LARGEST_BYTES) return;
        this.#recorder.dhcp({ source: from, destination: all, payload });
      });
      return socket;
    };
  }

  /** A socket on which a server hears a TFTP client, or talks to one. */
  tftp(socket: UdpSocket): UdpSocket {
    const { local } = socket;
    const recorder = this.#recorder;
    return {
      ...socket,
      send: (payload, to) => {
        // Nearly all that is sent is data, which is not recorded.
        if (payload[1] !== DATA) {
          recorder.tftp(to.address, { source: local, destination: to, payload });
        }
        socket.send(payload, to);
      },
      onMessage: (handler) => {
        socket.onMessage((payload, from, arrival) => {
          recorder.tftp(from.address, { source: from, destination: local, payload });
          handler(payload, from, arrival);
        });
      },
    };
  }

  /** From now on nothing is kept of a machine's packets. */
  forget(mac: Mac): void {
    this.#recorder.forget(mac);
  }

  packetsOf(boot: Boot): readonly PacketReply[] {
    return this.#of(boot).map((datagram) => ({
      at: new Date(datagram.atMs).toISOString(),
      afterMs: Math.round(datagram.atMs - boot.startedWallMs),
      ...describeDatagram(datagram),
    }));
  }

  /** Put together while others have their turns: the names of all machines of the site are looked for in it. */
  async fileOf(boot: Boot, isRedacted: boolean): Promise<Uint8Array> {
    const datagrams = this.#of(boot);
    if (!isRedacted) return writePcap(datagrams);
    const own = namesOf(boot);
    const kept = this.#parts.ownAddresses();
    const others = this.#othersThan(boot);
    return writePcap(await lookedThrough(redacted(datagrams, own, others, kept)));
  }

  /** The packets of a boot, with times by the system's clock. */
  #of(boot: Boot): readonly SeenDatagram[] {
    const { sessions } = this.#parts;
    const boots = boot.mac === null ? [] : sessions.bootsOf(boot.mac);
    const next = boots
      .filter(({ number }) => number > boot.number)
      .reduce((first, { startedAtMs }) => Math.min(first, startedAtMs), Infinity);
    return this.#recorder
      .of(boot)
      .filter(({ atMs }) => atMs >= boot.startedAtMs - LEAD_MS && atMs < next - LEAD_MS)
      .map((datagram) => ({
        ...datagram,
        atMs: datagram.atMs - boot.startedAtMs + boot.startedWallMs,
      }));
  }

  *#othersThan({ mac: own, uuid, serial }: Boot): Iterable<NamedMachine> {
    const { sessions, leases, inventory } = this.#parts;
    const isOther = (mac: Mac | null) => mac === null || mac !== own;
    for (const boot of sessions.list()) if (isOther(boot.mac)) yield namesOf(boot);
    for (const { mac, address } of leases.all()) {
      if (isOther(mac)) yield { mac, addresses: [address], uuid: null, serial: null };
    }
    for (const entry of inventory().entries) {
      const isOwn =
        (entry.mac !== null && entry.mac === own) ||
        (entry.uuid !== null && entry.uuid === uuid) ||
        (entry.serial !== null && entry.serial === serial);
      if (isOwn) continue;
      const addresses = entry.address === null ? [] : [entry.address];
      yield { mac: entry.mac, addresses, uuid: entry.uuid, serial: entry.serial };
    }
  }
}

function namesOf({ mac, address, uuid, serial }: Boot): NamedMachine {
  return { mac, addresses: address === null ? [] : [address], uuid, serial };
}
