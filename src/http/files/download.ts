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
  /** The client took some more of it. */
  progressed(): void;
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
  readonly watch: DownloadWatch;
}

/** Sends a part of a file as a response's body. The next piece follows when the network took the one before. */
export function startDownload(options: DownloadOptions): void {
  new Download(options).start();
}

class Download implements Sender {
  readonly #response: ServerResponse;
  readonly #file: OpenFile;
  readonly #part: Part;
  readonly #turns: Turns;
  readonly #watch: DownloadWatch;
  /** Where the next piece begins. */
  #at: number;
  /** Bytes that the network took. */
  #sent = 0;
  #isReading = false;
  #isOver = false;
  /** What is in a buffer of the pool, until the network took it. */
  #piece: ReadBytes | null = null;
  readonly #taken = (error?: Error | null): void => {
    this.#piece?.release();
    this.#piece = null;
    // With an error the connection ends, which is heard for itself.
    if (this.#isOver || (error !== null && error !== undefined)) return;
    this.#sent = this.#at - this.#part.first;
    this.#watch.progressed();
    this.#turns.ask(this);
  };

  constructor({ response, file, part, turns, watch }: DownloadOptions) {
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
    this.#turns.ask(this);
  }

  send(share: number): number {
    if (this.#isOver) return 0;
    const length = Math.min(share, this.#part.last + 1 - this.#at);
    const bytes = this.#file.inMemory(this.#at, length);
    if (bytes === null) void this.#read(length);
    else this.#write(bytes);
    return bytes?.length ?? 0;
  }

  async #read(length: number): Promise<void> {
    this.#isReading = true;
    const piece = await this.#file.read(this.#at, length).catch(() => null);
    this.#isReading = false;
    if (this.#isOver) {
      piece?.release();
      this.#file.close();
    } else if (piece === null || piece.bytes.length === 0) {
      piece?.release();
      // The file shrank or cannot be read: without this the client would wait for ever for the rest.
      this.#response.destroy();
    } else {
      this.#piece = piece;
      this.#write(piece.bytes);
    }
  }

  #write(bytes: Uint8Array): void {
    this.#at += bytes.length;
    if (this.#at > this.#part.last) this.#response.end(bytes);
    else this.#response.write(bytes, this.#taken);
  }

  #end(isWhole: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#piece?.release();
    this.#piece = null;
    if (!this.#isReading) this.#file.close();
    this.#turns.leave();
    if (isWhole) this.#watch.done(this.#part);
    else this.#watch.aborted(this.#part, this.#sent);
  }
}
