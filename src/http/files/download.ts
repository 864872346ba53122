import type { ServerResponse } from "node:http";
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

interface DownloadOptions {
  /** Its header is set, and not yet sent. */
  readonly response: ServerResponse;
  /** Closed at the end. */
  readonly file: OpenFile;
  readonly part: Part;
  readonly turns: Turns;
  /** Its address. */
  readonly client: string;
  readonly watch: DownloadWatch;
}

// The kernel's send buffer must not run empty while the next piece waits for its turn: what is sent from it
// when an acknowledgement comes costs less than what is sent at once.
const piecesInMemory = 2;
/** A client that does not read its download keeps no more than one buffer. */
const piecesRead = 1;

/** Sends a part of a file as a response's body, in pieces, as the network takes them. */
export function startDownload(options: DownloadOptions): void {
  new Download(options).start();
}

class Download implements Sender {
  readonly client: string;
  readonly #response: ServerResponse;
  readonly #file: OpenFile;
  readonly #part: Part;
  readonly #turns: Turns;
  readonly #watch: DownloadWatch;
  /** Where the next piece begins. */
  #at: number;
  /** Lengths of the pieces that the network has not taken yet, in their order. */
  readonly #pieces: number[] = [];
  /** Bytes that the network took. */
  #sent = 0;
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
    this.#watch.progressed(this.#part.first + this.#sent);
    this.#askForTurn();
  };

  constructor({ response, file, part, turns, client, watch }: DownloadOptions) {
    this.client = client;
    this.#response = response;
    this.#file = file;
    this.#part = part;
    this.#turns = turns;
    this.#watch = watch;
    this.#at = part.first;
  }

  start(): void {
    this.#response.once("finish", () => this.#end(true));
    this.#response.once("close", () => this.#end(false));
    this.#turns.join();
    this.#watch.started(this.#part);
    this.#askForTurn();
  }

  send(share: number): number {
    this.#waitsForTurn = false;
    if (this.#isOver) return 0;
    const length = Math.min(share, this.#part.last + 1 - this.#at);
    const bytes = this.#file.inMemory(this.#at, length);
    if (bytes !== null) {
      this.#write(bytes);
      if (this.#pieces.length < piecesInMemory) this.#askForTurn();
    } else if (this.#pieces.length < piecesRead) void this.#read(length);
    return bytes?.length ?? 0;
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
    this.#turns.sent(bytes.length);
    if (this.#at > this.#part.last) {
      this.#response.end(bytes);
    } else {
      this.#pieces.push(bytes.length);
      this.#response.write(bytes, this.#taken);
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
