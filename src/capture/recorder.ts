import type { Ip4 } from "../lib/ip4.ts";
import { RecentMap } from "../lib/lists/recent-map.ts";
import { type Mac, macFromBytes } from "../lib/mac.ts";
import { type Datagram, ports, type SeenDatagram } from "./datagram.ts";

/*
 * The last packets of each machine, in memory. Whatever the network sends, it takes no more than its limits:
 * machines that are known by more than one question have a part of their own, which a flood of made-up hardware
 * addresses does not reach.
 */

export interface CaptureLimits {
  /** Packets of one machine: several boots in mode proxy. The oldest goes first. */
  readonly packets: number;
  /** The same in bytes. */
  readonly machineBytes: number;
  /** Machines that are known, and what their packets take. The one heard longest ago goes first. */
  readonly machines: number;
  readonly bytes: number;
  /** The same of those that asked once. */
  readonly newcomers: number;
  readonly newcomerBytes: number;
}

const defaultLimits: CaptureLimits = {
  packets: 128,
  machineBytes: 96 * 1024,
  machines: 4096,
  bytes: 24 * 1024 * 1024,
  newcomers: 2048,
  newcomerBytes: 4 * 1024 * 1024,
};

/** What a packet takes besides its payload, in bytes: the record, its addresses, the buffer's own. */
const RECORD_BYTES = 400;
/** A machine that asks again after this long is known: firmware waits for 4 s, iPXE for 1 s. Answers do not count: a server may be slow. */
const RETURNS_AFTER_MS = 900;

const BOOTREQUEST = 1;
const DATA = 3;
const ACK = 4;

interface Recording {
  /** When the machine itself was heard first; null: it was not heard yet. */
  firstAtMs: number | null;
  /** The oldest first. */
  readonly packets: SeenDatagram[];
  bytes: number;
  /** Of these bytes, what its pool counts. */
  counted: number;
}

export interface CaptureRecorderParts {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** The machine that an address belongs to; null: nobody knows. */
  readonly machineAt: (address: Ip4) => Mac | null;
  /** Whether the site knows the machine, as the nodes file may name it. */
  readonly isKnown: (mac: Mac) => boolean;
  readonly limits?: Partial<CaptureLimits>;
}

/** A machine by what is known of it. */
export interface RecordedMachine {
  readonly mac: Mac | null;
  readonly address: Ip4 | null;
}

export class CaptureRecorder {
  readonly #parts: CaptureRecorderParts;
  readonly #limits: CaptureLimits;
  readonly #known: Pool;
  readonly #newcomers: Pool;

  constructor(parts: CaptureRecorderParts) {
    this.#parts = parts;
    this.#limits = { ...defaultLimits, ...parts.limits };
    const { machines, bytes, newcomers, newcomerBytes } = this.#limits;
    this.#known = new Pool(machines, bytes);
    this.#newcomers = new Pool(newcomers, newcomerBytes);
  }

  /** A DHCP packet, from or to the machine that it names. The payload is kept as it is, not copied. */
  dhcp(datagram: Datagram): void {
    const { payload } = datagram;
    const length = Math.min(payload[2] ?? 0, 16);
    if (payload.length < 44 || length === 0) return;
    const mac = macFromBytes(payload.subarray(28, 28 + length));
    this.#record(mac, datagram, null, payload[0] === BOOTREQUEST);
  }

  /**
   * A TFTP packet of the client with this address; of the data only requests, answers to them, errors and
   * acknowledgements are kept, and of acknowledgements in a row the first and the last. The payload is copied.
   */
  tftp(client: Ip4, datagram: Datagram): void {
    const opcode = datagram.payload[1] ?? 0;
    if (opcode === DATA || datagram.payload.length > 1024) return;
    const mac = this.#parts.machineAt(client);
    const key = mac ?? addressKey(client);
    // An answer that reaches a transfer's own port comes from the address that it names.
    const proves = opcode === ACK && datagram.destination.port !== ports.tftp;
    const copied = { ...datagram, payload: datagram.payload.slice() };
    this.#record(key, copied, mac !== null || proves, datagram.source.address === client);
  }

  /** What is kept of a machine, the oldest first; times are those of `now`. */
  of({ mac, address }: RecordedMachine): readonly SeenDatagram[] {
    const keys = [mac, address === null ? null : addressKey(address)];
    return keys
      .flatMap((key) => (key === null ? [] : (this.#recordingOf(key)?.packets ?? [])))
      .toSorted((a, b) => a.atMs - b.atMs);
  }

  /** From now on nothing is known of a machine. */
  forget(mac: Mac): void {
    this.#known.take(mac);
    this.#newcomers.take(mac);
  }

  /** How many machines are kept, and the memory that their packets take. */
  size(): { readonly machines: number; readonly bytes: number } {
    const [a, b] = [this.#known, this.#newcomers];
    return { machines: a.size + b.size, bytes: a.bytes + b.bytes };
  }

  #recordingOf(key: string): Recording | null {
    return this.#known.get(key) ?? this.#newcomers.get(key);
  }

  /**
   * @param isKnown whether the machine is known; null: the site is asked where that makes a difference
   * @param isFromMachine whether it is the machine that sent it
   */
  #record(key: string, datagram: Datagram, isKnown: boolean | null, isFromMachine: boolean): void {
    const atMs = this.#parts.now();
    const inKnown = this.#known.get(key);
    const former = inKnown ?? this.#newcomers.get(key);
    const recording: Recording = former ?? { firstAtMs: null, packets: [], bytes: 0, counted: 0 };
    if (isFromMachine) recording.firstAtMs ??= atMs;
    dropMiddleAck(recording, datagram);
    const { source, destination, payload } = datagram;
    recording.packets.push({ source, destination, payload, atMs });
    recording.bytes += costOf(datagram);
    const { packets: most, machineBytes } = this.#limits;
    while (recording.packets.length > most || recording.bytes > machineBytes) {
      const oldest = recording.packets.shift();
      if (oldest === undefined) break;
      recording.bytes -= costOf(oldest);
    }
    const returns = isFromMachine && atMs - (recording.firstAtMs ?? atMs) >= RETURNS_AFTER_MS;
    const counts = inKnown !== null || returns || (isKnown ?? this.#parts.isKnown(key));
    if (counts && inKnown === null) this.#newcomers.take(key);
    (counts ? this.#known : this.#newcomers).put(key, recording);
  }
}

/** Of three acknowledgements of a transfer in a row the one in the middle says nothing. */
function dropMiddleAck(recording: Recording, next: Datagram): void {
  // As a rule.
  if (!isAckOf(next, next)) return;
  const [before, last] = recording.packets.slice(-2);
  if (before === undefined || last === undefined) return;
  if (![before, last].every((packet) => isAckOf(packet, next))) return;
  recording.packets.pop();
  recording.bytes -= costOf(last);
}

function isAckOf({ payload, source, destination }: Datagram, transfer: Datagram): boolean {
  return (
    payload.length < 44 &&
    payload[1] === ACK &&
    source.port === transfer.source.port &&
    destination.port === transfer.destination.port
  );
}

/** Recordings up to a number and to a sum of bytes; the one that was put longest ago goes first. */
class Pool {
  readonly #maxMachines: number;
  readonly #maxBytes: number;
  readonly #recordings = new RecentMap<string, Recording>();
  bytes = 0;

  constructor(maxMachines: number, maxBytes: number) {
    this.#maxMachines = maxMachines;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#recordings.size;
  }

  get(key: string): Recording | null {
    return this.#recordings.get(key) ?? null;
  }

  /** Takes a recording out. */
  take(key: string): void {
    const recording = this.#recordings.get(key);
    if (recording === undefined) return;
    this.#recordings.delete(key);
    this.bytes -= recording.counted;
    recording.counted = 0;
  }

  /** Puts a new recording, or one that is here and has changed. */
  put(key: string, recording: Recording): void {
    this.#recordings.set(key, recording);
    this.bytes += recording.bytes - recording.counted;
    recording.counted = recording.bytes;
    while (this.size > this.#maxMachines || this.bytes > this.#maxBytes) {
      const oldest = this.#recordings.oldestKey();
      if (oldest === undefined) return;
      this.take(oldest);
    }
  }
}

function addressKey(address: Ip4): string {
  return `address ${address}`;
}

function costOf({ payload }: Datagram): number {
  return payload.length + RECORD_BYTES;
}
