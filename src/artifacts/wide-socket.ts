import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { InternalError } from "../lib/errors.ts";

/** Filled with what comes, so that it comes in large pieces. */
const BUFFER_BYTES = 512 * 1024;
/** TLS hands out no more than this at a time (RFC 8446 5.1). */
const RECORD_BYTES = 16 * 1024;

/** The part of `tls.connect`'s options that has a socket fill our buffers. */
export interface OnRead {
  readonly buffer: () => Uint8Array;
  readonly callback: (bytes: number) => boolean;
}

/**
 * A connection whose bytes come in pieces of up to 512 KiB. Node hands out each TLS record by itself, and
 * its streams and its HTTP parser take longer for 16 KiB than the decryption does. So the records gather
 * here until a buffer is full, or until a whole turn of the event loop brought nothing more.
 *
 * It has what `node:http` and its agents ask of a socket.
 */
export class WideSocket extends Duplex {
  /** Has to be among the options that the socket is opened with. */
  readonly onread: OnRead;
  #socket: Socket | null = null;
  #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #from = 0;
  #to = 0;
  /** A look at the end of this turn is asked for, and what had come when it was. */
  #turn: NodeJS.Immediate | null = null;
  #seenAtTurn = 0;

  constructor() {
    super({ readableHighWaterMark: BUFFER_BYTES });
    this.onread = { buffer: () => this.#room(), callback: (bytes) => this.#came(bytes) };
  }

  /** The socket that was opened with `onread`, ready to be used. */
  attach(socket: Socket): void {
    this.#socket = socket;
    socket.on("timeout", () => this.emit("timeout"));
    socket.once("end", () => this.#handOnThen(() => this.push(null)));
    socket.on("error", (error) => this.#handOnThen(() => this.destroy(error)));
    socket.once("close", () => this.#handOnThen(() => this.destroy()));
    if (socket.destroyed) this.destroy();
  }

  setTimeout(ms: number, call?: () => void): this {
    if (call !== undefined) this.once("timeout", call);
    this.#socket?.setTimeout(ms);
    return this;
  }

  setKeepAlive(on?: boolean, initialDelayMs?: number): this {
    this.#socket?.setKeepAlive(on, initialDelayMs);
    return this;
  }

  setNoDelay(on?: boolean): this {
    this.#socket?.setNoDelay(on);
    return this;
  }

  ref(): this {
    this.#socket?.ref();
    return this;
  }

  unref(): this {
    this.#socket?.unref();
    return this;
  }

  override _read(): void {
    this.#socket?.resume();
  }

  override _write(
    chunk: Uint8Array,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    if (this.#socket === null) done(new InternalError("nothing was attached"));
    else this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#socket === null) done();
    else this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#socket?.destroy();
    done(error);
  }

  #room(): Uint8Array {
    if (BUFFER_BYTES - this.#to < RECORD_BYTES) {
      this.#buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
      this.#from = 0;
      this.#to = 0;
    }
    return this.#buffer.subarray(this.#to);
  }

  #came(bytes: number): boolean {
    this.#to += bytes;
    if (BUFFER_BYTES - this.#to < RECORD_BYTES) return this.#flush();
    this.#lookLater();
    return true;
  }

  #lookLater(): void {
    if (this.#turn !== null) return;
    this.#seenAtTurn = this.#to;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      if (this.#to === this.#seenAtTurn) this.#flush();
      else this.#lookLater();
    });
  }

  /** What came before a break counts, so whoever reads gets a turn to take it. */
  #handOnThen(end: () => void): void {
    this.#flush();
    setImmediate(end);
  }

  /** Hands on what has gathered; false when that is enough for now. */
  #flush(): boolean {
    if (this.#from === this.#to) return true;
    const piece = this.#buffer.subarray(this.#from, this.#to);
    this.#from = this.#to;
    const wanted = this.push(piece);
    if (!wanted) this.#socket?.pause();
    return wanted;
  }
}
