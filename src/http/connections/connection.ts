import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

export interface RequestTimeouts {
  /** From a request's first bytes to the end of its header. */
  readonly headerMs: number;
  /** From the end of the header to the last byte of the body. */
  readonly bodyMs: number;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

type Done = (error?: Error | null) => void;

/**
 * A TCP connection as Node's HTTP server sees it. The server's parser turns all that has arrived into
 * requests at once, 1,300 of them from 64 KiB, and calls the handler for each. So what has arrived is
 * held back here: the parser gets a request's bytes when the one before is answered. At most one
 * request is under way on a connection; what it opens is open once, and its response hears when the
 * connection ends. At most one read of the socket (64 KiB) waits.
 */
export class Connection extends Duplex {
  readonly #socket: Socket;
  readonly #timeouts: RequestTimeouts;
  /** Received, and not yet given to the parser. */
  #waiting: Buffer | null = null;
  /** The client sends no more: not heard, heard, and told to the parser. */
  #end: "no" | "heard" | "told" = "no";
  #underWay: Exchange | null = null;
  #closing = false;
  /** Runs while a header or a body has begun to arrive and has not ended. */
  #deadline: NodeJS.Timeout | null = null;
  readonly #answered = (): void => {
    this.#underWay = null;
    this.#setDeadline(null);
    if (this.#closing) this.destroySoon();
    else this.#advance();
  };

  constructor(socket: Socket, timeouts: RequestTimeouts) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.#timeouts = timeouts;
    socket.on("data", (bytes: Buffer) => {
      this.#waiting = this.#waiting === null ? bytes : Buffer.concat([this.#waiting, bytes]);
      this.#advance();
    });
    socket.on("end", () => {
      this.#end = "heard";
      this.#advance();
    });
    socket.on("timeout", () => this.emit("timeout"));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** To be called when the parser has found a request on this connection. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#underWay = { request, response };
    this.#setDeadline(null);
    response.once("close", this.#answered);
  }

  /** Closes the connection, after the request that is under way on it. */
  finishUp(): void {
    this.#closing = true;
    if (this.#underWay === null) this.destroySoon();
  }

  /** Closes the connection when everything written has been sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  override _read(): void {
    this.#advance();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer; readonly encoding: BufferEncoding }[],
    done: Done,
  ): void {
    const last = chunks.length - 1;
    this.#socket.cork();
    for (const [index, { chunk, encoding }] of chunks.entries()) {
      this.#socket.write(chunk, encoding, index === last ? done : undefined);
    }
    this.#socket.uncork();
  }

  override _final(done: Done): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#setDeadline(null);
    this.#waiting = null;
    this.#socket.destroy();
    done(error);
  }

  /** Silence in milliseconds after which `timeout` is emitted; 0: never. */
  setTimeout(ms: number): this {
    this.#socket.setTimeout(ms);
    return this;
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get remotePort(): number | undefined {
    return this.#socket.remotePort;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  get localPort(): number | undefined {
    return this.#socket.localPort;
  }

  #advance(): void {
    // What the parser has not taken from the readable side comes before what waits.
    while (this.#waiting !== null && this.readableLength === 0 && this.#parserMayRead()) {
      const end = this.#underWay === null ? headerEnd(this.#waiting) : lineEnd(this.#waiting, 0);
      const piece = this.#waiting.subarray(0, end);
      this.#waiting = end === this.#waiting.length ? null : this.#waiting.subarray(end);
      this.push(piece);
      this.#watch(piece);
    }
    if (this.destroyed) return;
    if (this.#waiting !== null) {
      this.#socket.pause();
    } else if (this.#end === "no") {
      if (this.#socket.isPaused()) this.#socket.resume();
    } else if (this.#end === "heard" && this.#parserMayRead()) {
      this.#end = "told";
      this.push(null);
    }
  }

  /** Nothing but what is left of the request that is under way. */
  #parserMayRead(): boolean {
    return !this.#closing && (this.#underWay === null || !this.#underWay.request.complete);
  }

  /** The parser was given `piece`: what it waits for now has its time. */
  #watch(piece: Buffer): void {
    if (this.destroyed) return;
    if (this.#underWay !== null) {
      this.#setDeadline(this.#underWay.request.complete ? null : this.#timeouts.bodyMs);
    } else if (piece.length > 2 || this.#deadline !== null) {
      // Some clients end a body with a line break too many; that is no request's beginning.
      this.#setDeadline(this.#timeouts.headerMs);
    }
  }

  /** A deadline that runs is not put off: a client that sends a byte now and then must not hold its place. */
  #setDeadline(ms: number | null): void {
    if (ms === null && this.#deadline !== null) {
      clearTimeout(this.#deadline);
      this.#deadline = null;
    }
    if (ms !== null) this.#deadline ??= setTimeout(() => this.#giveUp(), ms).unref();
  }

  #giveUp(): void {
    if (this.#underWay?.response.headersSent !== true) {
      this.#socket.write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
    }
    this.destroySoon();
  }
}

const newline = 0x0a;
const carriageReturn = 0x0d;

function lineEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(newline, from);
  return at === -1 ? bytes.length : at + 1;
}

/** Where the first empty line of `bytes` ends, as it ends a header; all of them when there is none. */
function headerEnd(bytes: Buffer): number {
  let from = 0;
  while (from < bytes.length) {
    const end = lineEnd(bytes, from);
    const isEmpty = end - from === 1 || (end - from === 2 && bytes[from] === carriageReturn);
    if (isEmpty && bytes[end - 1] === newline) return end;
    from = end;
  }
  return bytes.length;
}
