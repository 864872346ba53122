import type { BlobSource } from "../lib/blob.ts";
import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Emit, Machine } from "../observe/events.ts";
import type { Negotiated } from "./negotiate.ts";
import type { TftpPacket } from "./packet.ts";
import { ReadTransfer, type TransferEffect } from "./transfer.ts";

/** A file that may be sent. Only a `loader` is a stage of a boot. */
export interface TftpFile {
  readonly name: string;
  readonly kind: "loader" | "script";
  readonly blob: BlobSource;
}

/** Who asked for what, as events tell it. */
export interface Subject {
  readonly machine: Machine;
  /** The name as it was asked for, made safe by `printable`. */
  readonly file: string;
  /** When the request came, on the clock's scale. */
  readonly startedAt: number;
}

/** What a delivery needs from the server that runs it. */
export interface DeliveryHost {
  readonly clock: Clock;
  readonly emit: Emit;
  /** To the client, from the transfer's own port. */
  send(packet: TftpPacket): void;
  /** Call `wake` at this time instead of any that was asked for before; null: not at all. */
  wakeAt(atMs: number | null): void;
  /** It is over, whatever the end was: free what belongs to it. Called once. */
  ended(): void;
}

/** Drives one `ReadTransfer`: feeds it, does what it says with the file, and reports how it went. */
export class Delivery {
  readonly #found: TftpFile;
  readonly #transfer: ReadTransfer;
  readonly #subject: Subject;
  readonly #host: DeliveryHost;
  #announced = false;
  #over = false;

  constructor(found: TftpFile, terms: Negotiated, subject: Subject, host: DeliveryHost) {
    this.#found = found;
    this.#transfer = new ReadTransfer(found.blob.size, terms);
    this.#subject = subject;
    this.#host = host;
  }

  /** The client acknowledged something. */
  get answered(): boolean {
    return this.#transfer.answered;
  }

  start(): void {
    this.#perform(this.#transfer.start(this.#now()));
  }

  receive(packet: TftpPacket): void {
    this.#perform(this.#transfer.receive(packet, this.#now()));
  }

  wake(): void {
    this.#perform(this.#transfer.handleTimeout(this.#now()));
  }

  /** Ends it from outside, without a word to the client. */
  fail(reason: string): void {
    if (this.#over) return;
    const { machine, file } = this.#subject;
    const { bytesSent } = this.#transfer;
    this.#host.emit({ event: "tftp-failed", ...machine, file, reason, bytesSent });
    this.#end();
  }

  /** Ends it from outside as if it had never been. */
  drop(): void {
    if (!this.#over) this.#end();
  }

  #now(): number {
    return this.#host.clock.now();
  }

  #perform(first: readonly TransferEffect[]): void {
    if (this.#over) return;
    this.#announce();
    // A read from memory is answered at once with further effects; a loop, so that no stack grows.
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

  /** A real fetch begins with the first acknowledgement; who only wants the size never sends one. */
  #announce(): void {
    if (this.#announced || !this.#transfer.answered) return;
    this.#announced = true;
    if (this.#found.kind !== "loader") return;
    const { machine, file } = this.#subject;
    const bytes = this.#found.blob.size;
    this.#host.emit({ event: "loader-start", ...machine, file, protocol: "tftp", bytes });
  }

  #done(outcome: "complete" | "probe"): void {
    const { machine, file, startedAt } = this.#subject;
    if (outcome === "probe") {
      this.#host.emit({ event: "tftp-probe", ...machine, file });
    } else if (this.#found.kind === "loader") {
      this.#host.emit({
        event: "loader-done",
        ...machine,
        file,
        protocol: "tftp",
        bytes: this.#found.blob.size,
        durationMs: Math.round(this.#now() - startedAt),
        retransmissions: this.#transfer.retransmissions,
      });
    } else {
      this.#host.emit({ event: "autoexec", ...machine, file, protocol: "tftp" });
    }
    this.#end();
  }

  #end(): void {
    this.#over = true;
    this.#host.wakeAt(null);
    this.#host.ended();
  }
}
