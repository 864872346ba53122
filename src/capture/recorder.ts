import type { Ip4 } from "../lib/ip4.ts";
import { RecentMap } from "../lib/lists/recent-map.ts";
import { type Mac, macFromBytes } from "../lib/mac.ts";
import { type Datagram, ports, type SeenDatagram } from "./datagram.ts";
import { PacketLog } from "./packet-log.ts";

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

/** A machine that asks again after this long is known: firmware waits for 4 s, iPXE for 1 s. Answers do not count: a server may be slow. */
const RETURNS_AFTER_MS = 900;

/** Logs of machines that had to go are used again, up to a number and a size. */
const SPARE_LOGS = 16;
const SPARE_BYTES = 16 * 1024;

/** A DHCP packet that is shorter does not name its machine (RFC 2131 2). */
const LEAST_DHCP_BYTES = 44;
const BOOTREQUEST = 1;
const DATA = 3;
const ACK = 4;

interface Recording {
  /** When the machine itself was heard first; null: it was not heard yet. */
  firstAtMs: number | null;
  readonly log: PacketLog;
  /** Of its bytes, what its pool counts. */
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
  readonly #spare = new SpareLogs();

  constructor(parts: CaptureRecorderParts) {
    this.#parts = parts;
    this.#limits = { ...defaultLimits, ...parts.limits };
    const { machines, bytes, newcomers, newcomerBytes } = this.#limits;
    this.#known = new Pool(machines, bytes, this.#spare);
    this.#newcomers = new Pool(newcomers, newcomerBytes, this.#spare);
  }

  /** A DHCP packet, from or to the machine that it names. */
  dhcp(datagram: Datagram): void {
    const { payload } = datagram;
    const length = Math.min(payload[2] ?? 0, 16);
    if (payload.length < LEAST_DHCP_BYTES || length === 0) return;
    const mac = macFromBytes(payload, 28, length);
    this.#record(mac, datagram, null, payload[0] === BOOTREQUEST);
  }

  /**
   * A TFTP packet of the client with this address; of the data only requests, answers to them, errors and
   * acknowledgements are kept, and of acknowledgements in a row the first and the last.
   */
  tftp(client: Ip4, datagram: Datagram): void {
    const opcode = datagram.payload[1] ?? 0;
    if (opcode === DATA || datagram.payload.length > 1024) return;
    const mac = this.#parts.machineAt(client);
    const key = mac ?? addressKey(client);
    // An answer that reaches a transfer's own port comes from the address that it names.
    const proves = opcode === ACK && datagram.destination.port !== ports.tftp;
    this.#record(key, datagram, mac !== null || proves, datagram.source.address === client);
  }

  /** What is kept of a machine, the oldest first; times are those of `now`. */
  of({ mac, address }: RecordedMachine): readonly SeenDatagram[] {
    const keys = [mac, address === null ? null : addressKey(address)];
    return keys
      .flatMap((key) => (key === null ? [] : (this.#recordingOf(key)?.log.all() ?? [])))
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
   * @param isKnown whether the machine is known; null: the site is asked about who sends
   * @param isFromMachine whether it is the machine that sent it
   */
  #record(key: string, datagram: Datagram, isKnown: boolean | null, isFromMachine: boolean): void {
    const atMs = this.#parts.now();
    const inKnown = this.#known.get(key);
    const former = inKnown ?? this.#newcomers.get(key);
    const recording = former ?? { firstAtMs: null, log: this.#spare.take(), counted: 0 };
    const { log } = recording;
    if (isFromMachine) recording.firstAtMs ??= atMs;
    if (followsTwoSuch(log, datagram)) log.replaceNewest(datagram, atMs);
    else log.add(datagram, atMs);
    const { packets: most, machineBytes } = this.#limits;
    while (log.length > most || log.used > machineBytes) log.dropOldest();
    const returns = isFromMachine && atMs - (recording.firstAtMs ?? atMs) >= RETURNS_AFTER_MS;
    // Each answer has a request before it, of which the site was asked a moment ago.
    const isNamed = (): boolean => isKnown ?? (isFromMachine && this.#parts.isKnown(key));
    const counts = inKnown !== null || returns || isNamed();
    if (counts && inKnown === null) this.#newcomers.take(key);
    (counts ? this.#known : this.#newcomers).put(key, recording);
  }
}

/** Of three acknowledgements of a transfer in a row the one in the middle says nothing. */
function followsTwoSuch(log: PacketLog, { payload, source, destination }: Datagram): boolean {
  const isAck = payload.length < LEAST_DHCP_BYTES && payload[1] === ACK;
  return isAck && log.areNewestTwo(source.port, destination.port, LEAST_DHCP_BYTES, ACK);
}

/** Logs of machines that had to go, for those that come: in a flood nothing is allocated. */
class SpareLogs {
  readonly #logs: PacketLog[] = [];

  take(): PacketLog {
    return this.#logs.pop() ?? new PacketLog();
  }

  put(log: PacketLog): void {
    if (this.#logs.length === SPARE_LOGS || log.size > SPARE_BYTES) return;
    log.clear();
    this.#logs.push(log);
  }
}

/** Recordings up to a number and to a sum of bytes; the one that was put longest ago goes first. */
class Pool {
  readonly #maxMachines: number;
  readonly #maxBytes: number;
  readonly #recordings = new RecentMap<string, Recording>();
  readonly #spare: SpareLogs;
  bytes = 0;

  constructor(maxMachines: number, maxBytes: number, spare: SpareLogs) {
    this.#maxMachines = maxMachines;
    this.#maxBytes = maxBytes;
    this.#spare = spare;
  }

  get size(): number {
    return this.#recordings.size;
  }

  get(key: string): Recording | null {
    return this.#recordings.get(key) ?? null;
  }

  /** Takes a recording out; null: it is not here. */
  take(key: string): Recording | null {
    const recording = this.#recordings.get(key);
    if (recording === undefined) return null;
    this.#recordings.delete(key);
    this.bytes -= recording.counted;
    recording.counted = 0;
    return recording;
  }

  /** Puts a new recording, or one that is here and has changed. */
  put(key: string, recording: Recording): void {
    this.#recordings.set(key, recording);
    this.bytes += recording.log.size - recording.counted;
    recording.counted = recording.log.size;
    while (this.size > this.#maxMachines || this.bytes > this.#maxBytes) {
      const oldest = this.#recordings.oldestKey();
      if (oldest === undefined) return;
      const gone = this.take(oldest);
      if (gone !== null) this.#spare.put(gone.log);
    }
  }
}

function addressKey(address: Ip4): string {
  return `address ${address}`;
}
