import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { Duplex } from "node:stream";
import { descriptorOf } from "../../lib/descriptors.ts";
import type { Place } from "./admission.ts";
import type { ConnectionOptions, Exchange, Peer, QuickBody } from "./connection-options.ts";
import { Deadline } from "./deadline.ts";
import type { Parsed } from "./parser-turns.ts";
import { headerEnd, lineEnd } from "./pieces.ts";
import { plainGet } from "./plain-get.ts";
import { PlainResponse } from "./plain-response.ts";

/** A connection emits this when its client sends no more: most are gone then, a few only closed their half and want their answer. */
export const CLIENT_ENDED = "client-ended";

const timedOut = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n";

type Done = (error?: Error | null) => void;

/**
 * A TCP connection as Node's HTTP server sees it. The server's parser turns all that has arrived into
 * requests at once, 1,300 of them from 64 KiB, and calls the handler for each. So what has arrived is
 * held back here: the parser gets a request's bytes when the one before is answered. At most one
 * request is under way on a connection; what it opens is open once, and its response hears when the
 * connection ends. At most one read of the socket (64 KiB) waits; of each read the first piece is parsed at once, and
 * the others in turns with those of other connections.
 */
export class Connection extends Duplex implements Place, Peer, Parsed {
  /** Of the client. */
  readonly address: string;
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  /** Received, and not yet given to the parser. */
  #waiting: Buffer | null = null;
  /** Bytes that were written to the socket last. */
  #handedOn = 0;
  /** The client sends no more: not heard, heard, and told to the parser. */
  #end: "no" | "heard" | "told" = "no";
  #underWay: Exchange | null = null;
  /** Answered before its body was here. */
  #unread: Exchange["request"] | null = null;
  #closing = false;
  /** The parser has got something that no request has come of yet; behind a body, perhaps. */
  #isBegun = false;
  /** What the kernel had still to send when that was looked at last. */
  #sendQueue: number | null = null;
  /** Runs while a header or a body has begun to arrive and has not ended. */
  readonly #deadline = new Deadline(() => this.#giveUp());

  readonly #answered = (): void => {
    const request = this.#underWay?.request;
    this.#unread = request?.complete === false ? request : null;
    this.#underWay = null;
    this.#sendQueue = null;
    if (this.#unread === null) this.#deadline.stop();
    this.#options.idle(this);
    if (this.#closing) this.destroySoon();
    else this.#advance();
  };

  constructor(socket: Socket, options: ConnectionOptions) {
    super({ allowHalfOpen: true });
    this.address = socket.remoteAddress ?? "";
    this.#socket = socket;
    this.#options = options;
    socket.setTimeout(options.timeouts.idleMs);
    socket.on("data", (bytes: Buffer) => {
      if (this.#waiting === null && this.#answerQuickly(bytes)) return;
      const isFirst = this.#waiting === null;
      this.#waiting = this.#waiting === null ? bytes : Buffer.concat([this.#waiting, bytes]);
      this.#advance(isFirst);
    });
    socket.on("end", () => {
      this.#end = "heard";
      this.emit(CLIENT_ENDED);
      this.#advance();
    });
    socket.on("timeout", () => void this.#hearSilence());
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** To be called when the parser has found a request on this connection. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    this.#underWay = { request, response };
    // The piece in which a header ends, ends with it.
    this.#isBegun = false;
    this.#options.busy(this);
    this.#deadline.stop();
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

  /** By TLS the kernel does not know what to send. */
  get isDirect(): boolean {
    return !this.encrypted;
  }

  /** Lets the kernel take bytes for this connection from elsewhere: `send` gets its descriptor and returns how many were taken. */
  sendDirectly(send: (descriptor: number) => number): number {
    if (!this.#isHandedOn || this.#socket.writableLength > 0) return 0;
    const descriptor = descriptorOf(this.#socket);
    return descriptor === null ? 0 : send(descriptor);
  }

  /** Writes a response's body past Node's response and this stream, each of which costs as much as the socket itself. */
  writeBody(bytes: Uint8Array, taken: Done): void {
    if (this.#isHandedOn) this.#socket.write(bytes, taken);
    else this.write(bytes, taken);
  }

  /** Sends in one piece what `write` writes. */
  together(write: () => void): void {
    this.#socket.cork();
    write();
    this.#socket.uncork();
  }

  /** Whether everything that was written here is the socket's already. */
  get #isHandedOn(): boolean {
    return this.writableCorked === 0 && this.writableLength <= this.#handedOn;
  }

  override _read(): void {
    this.#advance();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    this.#handedOn = chunk.length;
    this.#socket.write(chunk, encoding, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: Buffer; readonly encoding: BufferEncoding }[],
    done: Done,
  ): void {
    const last = chunks.length - 1;
    this.#handedOn = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
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
    this.#deadline.stop();
    this.#waiting = null;
    this.#socket.destroy();
    this.#underWay?.response.lost?.();
    done(error);
  }

  /** Node's HTTP server has times of its own, which cut a slow transfer; here they are of no effect. */
  setTimeout(): this {
    return this;
  }

  /** By which frameworks tell an `https` request. */
  get encrypted(): boolean {
    return this.#socket instanceof TLSSocket;
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

  /** To be called in its turn only. */
  takeTurn(): void {
    this.#advance(true);
  }

  /** @param isTurn whether the parser may be given a piece now */
  #advance(isTurn = false): void {
    if (isTurn && this.#hasPiece()) {
      const waiting = this.#waiting ?? Buffer.alloc(0);
      const end = this.#underWay === null ? headerEnd(waiting) : lineEnd(waiting, 0);
      const piece = waiting.subarray(0, end);
      this.#waiting = end === waiting.length ? null : waiting.subarray(end);
      const isBody = this.#isBodyDue;
      this.#isBegun = true;
      this.push(piece);
      this.#watch(piece, isBody);
    }
    if (this.destroyed) return;
    if (this.#hasPiece()) this.#options.turns.ask(this);
    if (this.#waiting !== null) {
      this.#socket.pause();
    } else if (this.#end === "no") {
      if (this.#socket.isPaused()) this.#socket.resume();
    } else if (this.#end === "heard" && this.#parserMayRead()) {
      this.#end = "told";
      this.push(null);
    }
  }

  /** What the parser has not taken from the readable side comes before what waits. */
  #hasPiece(): boolean {
    return this.#waiting !== null && this.readableLength === 0 && this.#parserMayRead();
  }

  /** Only what nobody waits behind: where the client does not take its answers, the usual way holds it back. */
  #answerQuickly(bytes: Buffer): boolean {
    const { quick } = this.#options;
    if (quick === null || this.#closing || this.#end !== "no") return false;
    if (this.#underWay !== null || this.#isBodyDue || this.#isBegun) return false;
    if (this.writableLength > 0 || this.#socket.writableLength > 0) return false;
    const request = plainGet(bytes);
    const answer = request === null ? null : quick(request, this);
    if (answer === null) return false;
    this.#options.busy(this);
    if ("start" in answer) {
      this.#begin(answer);
      return true;
    }
    this.#socket.write(answer);
    this.#options.idle(this);
    return true;
  }

  #begin({ header, start }: QuickBody): void {
    const response = new PlainResponse(header, this, this.#answered);
    this.#underWay = { request: { complete: true }, response };
    start(response);
  }

  /** Nothing but what is left of the request that is under way. */
  #parserMayRead(): boolean {
    return !this.#closing && (this.#underWay === null || this.#isBodyDue);
  }

  /** Of the last request, which may be answered already. */
  get #isBodyDue(): boolean {
    return (this.#underWay?.request ?? this.#unread)?.complete === false;
  }

  /** Neither side sent anything for a while. */
  async #hearSilence(): Promise<void> {
    const exchange = this.#underWay;
    this.#socket.setTimeout(this.#options.timeouts.idleMs);
    // The client waits for us.
    if (exchange !== null && this.writableLength === 0 && this.#socket.writableLength === 0) return;
    const before = this.#sendQueue;
    const now = await this.#options.sendQueues.ofSocket(this.#socket);
    if (this.destroyed || this.#underWay !== exchange) return;
    this.#sendQueue = now ?? 0;
    // A slow client took some; one that stopped, or of which we know nothing, did not.
    const isMoving = now !== null && now !== before;
    const isOver = exchange === null ? !isMoving || now === 0 : !isMoving && before !== null;
    if (isOver) this.destroy();
  }

  /** The parser was given `piece`, of a body or not: what it waits for now has its time. */
  #watch(piece: Buffer, isBody: boolean): void {
    if (this.destroyed) return;
    if (this.#isBodyDue) {
      this.#deadline.start(this.#options.timeouts.bodyMs);
    } else if (this.#underWay !== null || isBody) {
      this.#deadline.stop();
    } else if (piece.length > 2 || this.#deadline.isRunning) {
      // Some clients end a body with a line break too many; that is no request's beginning.
      this.#deadline.start(this.#options.timeouts.headerMs);
    }
  }

  #giveUp(): void {
    const isAnswered = this.#underWay?.response.headersSent ?? this.#isBodyDue;
    if (!isAnswered) this.#socket.write(timedOut);
    this.destroySoon();
  }
}
