import type { OpenFile, ReadBytes } from "./open-file.ts";
import type { Sender, Turns } from "./turns.ts";

/** Byte positions in a file, both included. */
export interface Part {
  readonly first: number;
  readonly last: number;
}

/** What one GET that carries bytes is reported to. */
export interface DownloadWatch {
  /** Before the first byte leaves. */
  started(part: Part): void;
  /** So many bytes of the file have left, counted from its beginning. */
  progressed(bytesSent: number): void;
  /** The last byte of the part was handed to the network. */
  done(part: Part): void;
  /** The connection ended before that; `bytesSent` were handed to the network. */
  aborted(part: Part, bytesSent: number): void;
}

/** A connection as far as a body goes over it, past the response, which only sends its header and says when it is over. */
export interface BodyLine {
  /** Whether the kernel is to take bytes without a copy. */
  readonly isDirect: boolean;
  /** Does that: `send` gets the connection's descriptor and returns how many it took; none while something is to be written. */
  sendDirectly(send: (descriptor: number) => number): number;
  /** Writes behind everything that was written; `taken` hears when the kernel has it. */
  writeBody(bytes: Uint8Array, taken: (error?: Error | null) => void): void;
  /** What `write` writes goes in one piece with the header that the response sends in it. */
  together(write: () => void): void;
}

/** A response as far as its body needs it: Node's, or one that goes without it. */
export interface BodyResponse {
  flushHeaders(): void;
  /** The kernel has taken the whole body. */
  end(): void;
  destroy(): void;
  /** `finish`: all was sent; `close`: then, and also when that can be no more. */
  once(event: "finish" | "close", heard: () => void): unknown;
}

interface DownloadOptions {
  /** Its header is set, and not yet sent. */
  readonly response: BodyResponse;
  /** Closed at the end. */
  readonly file: OpenFile;
  readonly part: Part;
  readonly turns: Turns;
  /** Its address. */
  readonly client: string;
  readonly watch: DownloadWatch;
  readonly line: BodyLine;
}

// The kernel's send buffer must not run empty while the next piece waits for its turn: what is sent from it
// when an acknowledgement comes costs less than what is sent at once.
const piecesInMemory = 2;
/** A client that does not read its download keeps no more than one buffer. */
const piecesRead = 1;
/** Written where the kernel has no room for more, and Node says when it has. More is no faster, and copied by the event loop for each client. */
const bytesToWait = 16 * 1024;

/** Sends a part of a file as a response's body, in pieces, as the network takes them. */
export function startDownload(options: DownloadOptions): void {
  new Download(options).start();
}

class Download implements Sender {
  readonly client: string;
  readonly #response: BodyResponse;
  readonly #file: OpenFile;
  readonly #part: Part;
  readonly #turns: Turns;
  readonly #watch: DownloadWatch;
  readonly #line: BodyLine;
  /** Where the next piece begins. */
  #at: number;
  /** Lengths of the pieces that the network has not taken yet, in their order. */
  readonly #pieces: number[] = [];
  /** Bytes that the network took. */
  #sent = 0;
  #isBegun = false;
  #waitsForTurn = false;
  #isReading = false;
  #isOver = false;
  /** What is in a buffer of the pool, until the network took it. */
  #buffer: ReadBytes | null = null;
  readonly #taken = (error?: Error | null): void => {
    // With an error the connection ends, which is heard for itself.
    if (this.#isOver || (error !== null && error !== undefined)) return;
    this.#releaseBuffer();
    this.#sent += this.#pieces.shift() ?? 0;
    this.#goOn();
  };

  constructor(options: DownloadOptions) {
    const { response, file, part, turns, client, watch, line } = options;
    this.client = client;
    this.#response = response;
    this.#file = file;
    this.#part = part;
    this.#turns = turns;
    this.#watch = watch;
    this.#line = line;
    this.#at = part.first;
  }

  start(): void {
    this.#response.once("finish", () => this.#end(true));
    this.#response.once("close", () => this.#end(false));
    this.#turns.join();
    this.#watch.started(this.#part);
    this.#turns.begin(this);
  }

  send(share: number): number {
    this.#waitsForTurn = false;
    if (this.#isOver) return 0;
    const length = Math.min(share, this.#part.last + 1 - this.#at);
    const handed = this.#hand(length);
    if (handed === length) return handed;
    const most = handed === null ? this.#turns.pieceBytes : bytesToWait;
    const rest = Math.min(length - (handed ?? 0), most);
    const bytes = this.#file.inMemory(this.#at, rest);
    if (bytes !== null) {
      this.#write(bytes);
      if (handed === null && this.#pieces.length < piecesInMemory) this.#askForTurn();
    } else if (this.#pieces.length < piecesRead) void this.#read(rest);
    return (handed ?? 0) + (bytes?.length ?? 0);
  }

  /** Has the kernel take up to `length` bytes without a copy: how many it took; null: they have to be written. */
  #hand(length: number): number | null {
    const { sendTo } = this.#file;
    if (sendTo === undefined || !this.#line.isDirect) return null;
    if (!this.#isBegun) this.#response.flushHeaders();
    this.#isBegun = true;
    const handed = this.#line.sendDirectly((to) => sendTo(to, this.#at, length));
    this.#at += handed;
    this.#sent += handed;
    this.#turns.sent(handed);
    if (handed === length) this.#goOn();
    return handed;
  }

  /** Some more has left. */
  #goOn(): void {
    this.#watch.progressed(this.#part.first + this.#sent);
    if (this.#sent > this.#part.last - this.#part.first) this.#response.end();
    else this.#askForTurn();
  }

  #askForTurn(): void {
    if (this.#waitsForTurn || this.#isReading || this.#at > this.#part.last) return;
    this.#waitsForTurn = true;
    this.#turns.ask(this);
  }

  async #read(length: number): Promise<void> {
    this.#isReading = true;
    const read = await this.#file.read(this.#at, length).catch(() => null);
    this.#isReading = false;
    if (this.#isOver) {
      read?.release();
      this.#file.close();
    } else if (read === null || read.bytes.length === 0) {
      read?.release();
      // The file shrank or cannot be read: without this the client would wait for ever for the rest.
      this.#response.destroy();
    } else {
      this.#buffer = read;
      this.#write(read.bytes);
    }
  }

  #write(bytes: Uint8Array): void {
    this.#at += bytes.length;
    this.#pieces.push(bytes.length);
    this.#turns.sent(bytes.length);
    if (this.#isBegun) this.#line.writeBody(bytes, this.#taken);
    else {
      this.#isBegun = true;
      this.#line.together(() => {
        this.#response.flushHeaders();
        this.#line.writeBody(bytes, this.#taken);
      });
    }
  }

  #releaseBuffer(): void {
    this.#buffer?.release();
    this.#buffer = null;
  }

  #end(isWhole: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#releaseBuffer();
    if (!this.#isReading) this.#file.close();
    this.#turns.leave();
    if (isWhole) this.#watch.done(this.#part);
    else this.#watch.aborted(this.#part, this.#sent);
  }
}
