import type { LocalBootWay } from "../../boot/local-boot.ts";
import { tracedBy } from "../../boot/trace-context.ts";
import type { BlobSource } from "../../lib/blob.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Emit, Machine, PxeEvent, TftpTerms } from "../../events/types.ts";
import type { Negotiated } from "../wire/option-negotiation.ts";
import type { TftpPacket } from "../wire/packet.ts";
import { ReadTransfer, type TransferEffect } from "../transfer/read-transfer.ts";

/** A file that may be sent. */
export interface TftpFile {
  /** Its real name, which need not be the requested one. */
  readonly name: string;
  /** What it is to a boot: `loader`, `kernel` and `initramfs` are stages of it, `asset` is any other file of the site's. */
  readonly kind: "loader" | "script" | "boot-config" | "kernel" | "initramfs" | "asset";
  readonly blob: BlobSource;
  /** The generation that it is of; null or absent: none. */
  readonly generation?: string | null;
  /** Of its bytes, in hex; null or absent: it is not known. */
  readonly sha256?: string | null;
  /** A configuration that sends the machine on to its disk, and why; null or absent: it boots something. */
  readonly sendsOn?: { readonly way: LocalBootWay; readonly reason: string } | null;
  /** The requested name is its own, whatever `name` says. Default: false. */
  readonly isAsked?: boolean;
}

/** A file that is there and is not sent to who asked. */
export interface TftpRefusal {
  readonly kind: "refused";
  /** For the log. */
  readonly reason: string;
  /** The client is told that there is no such file, instead of that it may not have it. */
  readonly asMissing: boolean;
}

/** Who requested what, as events report it. */
export interface Subject {
  readonly machine: Machine;
  /** The requested name, made safe by `printable`. */
  readonly asked: string;
  /** When the request came, on the clock's scale. */
  readonly startedAt: number;
  /** The size of its datagram. */
  readonly requestBytes: number;
}

/** What a transfer needs from the server that runs it. */
export interface TransferDriverHost {
  readonly clock: Clock;
  readonly emit: Emit;
  /** How many transfers are under way. */
  readonly transfers: () => number;
  /** To the client, from the transfer's own port. */
  send(packet: TftpPacket): void;
  /** Call `wake` at this time instead of any set before; null: not at all. */
  wakeAt(atMs: number | null): void;
  /** The client is there: it acknowledged something, or ended the transfer by an ERROR. Called once. */
  answered(): void;
  /** More of a loader was sent; called once a second at most. */
  moved(bytesSent: number): void;
  /** The transfer has ended in whatever way: free what belongs to it. Called once. */
  ended(): void;
}

const PROGRESS_EVERY_MS = 1000;
/**
 * Each waits for all the others' turns, at the server, on the link and where many clients are one host. Where they come at
 * once, round trips become longer than those before them let expect, and what is repeated for that makes them longer still.
 */
const MS_A_TRANSFER = 0.25;

/** Drives one `ReadTransfer`: gives it packets and time, performs its effects, and reports how it ended. */
export class TransferDriver {
  readonly #found: TftpFile;
  readonly #transfer: ReadTransfer;
  readonly #terms: TftpTerms;
  readonly #subject: Subject;
  readonly #host: TransferDriverHost;
  #announced = false;
  #clientSeen = false;
  #over = false;
  #moved = { atMs: 0, bytes: 0 };

  constructor(found: TftpFile, terms: Negotiated, subject: Subject, host: TransferDriverHost) {
    this.#found = found;
    const leastTimeoutMs = (): number => host.transfers() * MS_A_TRANSFER;
    this.#transfer = new ReadTransfer(found.blob.size, terms, subject.requestBytes, leastTimeoutMs);
    const { blksize, windowsize, timeoutSeconds } = terms;
    this.#terms = { blksize, windowsize, timeoutSeconds };
    this.#subject = subject;
    this.#host = host;
    this.#moved.atMs = subject.startedAt;
  }

  /** The client acknowledged something. */
  get answered(): boolean {
    return this.#transfer.answered;
  }

  /** When the client acknowledged anything, old or new, on the clock's scale. */
  get heardAt(): number {
    return this.#transfer.heardAt;
  }

  start(): void {
    this.#perform(this.#transfer.start(this.#now()));
  }

  receive(packet: TftpPacket): void {
    const now = this.#now();
    const effects = this.#transfer.receive(packet, now);
    if (!this.#clientSeen && (this.#transfer.answered || packet.opcode === "error")) {
      this.#clientSeen = true;
      this.#host.answered();
    }
    this.#perform(effects);
    this.#noteProgress(now);
  }

  wake(): void {
    this.#perform(this.#transfer.handleTimeout(this.#now()));
  }

  #noteProgress(now: number): void {
    if (now - this.#moved.atMs < PROGRESS_EVERY_MS) return;
    const { bytesSent } = this.#transfer;
    if (bytesSent === this.#moved.bytes) return;
    this.#moved = { atMs: now, bytes: bytesSent };
    const isSmall = this.#found.kind === "script" || this.#found.kind === "boot-config";
    if (!isSmall && this.#announced && !this.#over) this.#host.moved(bytesSent);
  }

  /** Ends it from outside; the client gets no packet. */
  fail(reason: string): void {
    if (this.#over) return;
    const { bytesSent, allSent } = this.#transfer;
    // Firmware that has the whole file may start it at once, and not answer when its last ACK was lost.
    const shown = allSent ? `${reason}; all was sent, the last acknowledgement is missing` : reason;
    const lastHeard = Math.max(this.#subject.startedAt, this.heardAt);
    const silentMs = Math.round(this.#now() - lastHeard);
    const how = { reason: shown, bytesSent, silentMs, ...this.#figures(), ...this.#terms };
    this.#host.emit({ event: "tftp-failed", ...this.#about(), ...how });
    this.#end();
  }

  /** Ends it from outside without a report. */
  drop(): void {
    if (!this.#over) this.#end();
  }

  #now(): number {
    return this.#host.clock.now();
  }

  #perform(first: readonly TransferEffect[]): void {
    if (this.#over) return;
    this.#announce();
    // A read from memory gives further effects at once; a loop, so that the stack does not grow.
    let effects = first;
    while (effects.length > 0) {
      let further: readonly TransferEffect[] = [];
      for (const effect of effects) {
        switch (effect.kind) {
          case "send":
            this.#host.send(effect.packet);
            break;
          case "read":
            further = this.#read(effect.offset, effect.length);
            break;
          case "done":
            this.#done(effect.outcome);
            break;
          case "fail":
            this.fail(effect.reason);
            break;
        }
        // A send that fails may have ended it.
        if (this.#over) return;
      }
      effects = further;
    }
    this.#host.wakeAt(this.#transfer.deadline());
  }

  #read(offset: number, length: number): readonly TransferEffect[] {
    const transfer = this.#transfer;
    const failed = (error: unknown): readonly TransferEffect[] =>
      transfer.readFailed(`cannot read the file: ${messageOf(error)}`);
    try {
      const bytes = this.#found.blob.read(offset, length);
      if (bytes instanceof Uint8Array) return transfer.blockRead(bytes, this.#now());
      bytes.then(
        (late) => this.#perform(transfer.blockRead(late, this.#now())),
        (error: unknown) => this.#perform(failed(error)),
      );
      return [];
    } catch (error) {
      return failed(error);
    }
  }

  /** A download begins with the first acknowledgement; a client that only asks for the size sends none. */
  #announce(): void {
    if (this.#announced || !this.#transfer.answered) return;
    this.#announced = true;
    const { emit } = this.#host;
    const bytes = this.#found.blob.size;
    const about = this.#about();
    const { generation = null } = this.#found;
    switch (this.#found.kind) {
      case "loader": {
        const traced = tracedBy(this.#subject.asked);
        return emit({ event: "loader-start", ...about, ...traced, protocol: "tftp", bytes });
      }
      case "kernel":
        return emit({ event: "kernel", ...about, bytes, generation });
      case "initramfs":
        return emit({ event: "initramfs-start", ...about, bytes, generation });
      case "script":
      case "boot-config":
      case "asset":
        return;
    }
  }

  /** Machine and file of every event: the file that is sent, whatever its requested name was. */
  #about(): Machine & { readonly file: string } {
    return { ...this.#subject.machine, file: this.#found.name };
  }

  #figures() {
    const bytes = this.#found.blob.size;
    const durationMs = Math.round(this.#now() - this.#subject.startedAt);
    return { bytes, durationMs, retransmissions: this.#transfer.retransmissions };
  }

  #done(outcome: "complete" | "probe"): void {
    const { emit } = this.#host;
    const about = this.#about();
    if (outcome === "probe") emit({ event: "tftp-probe", ...about });
    else emit(this.#sent());
    this.#end();
  }

  /** What the file's last byte means. */
  #sent(): PxeEvent {
    const about = this.#about();
    const { bytes, durationMs, retransmissions } = this.#figures();
    const { sha256 = null } = this.#found;
    switch (this.#found.kind) {
      case "loader": {
        const how = { protocol: "tftp", ...this.#figures(), ...this.#terms, sha256 } as const;
        return { event: "loader-done", ...about, ...how };
      }
      case "kernel":
        return { event: "kernel-done", ...about, bytes, durationMs, sha256 };
      case "initramfs":
        return { event: "initramfs-done", ...about, bytes, durationMs, sha256 };
      case "asset": {
        const how = { protocol: "tftp", bytes, durationMs, retransmissions, sha256 } as const;
        return { event: "asset-sent", ...about, ...how };
      }
      case "boot-config": {
        const { generation = null, sendsOn = null } = this.#found;
        const { machine } = this.#subject;
        return sendsOn === null
          ? { event: "script", ...about, uuid: null, serial: null, generation, sha256 }
          : { event: "local-boot", ...machine, ...sendsOn };
      }
      case "script":
        return { event: "autoexec", ...about, protocol: "tftp", sha256 };
    }
  }

  #end(): void {
    this.#over = true;
    this.#host.wakeAt(null);
    this.#host.ended();
  }
}
