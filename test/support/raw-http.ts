import { once } from "node:events";
import type { Socket } from "node:net";

export interface RawAnswer {
  readonly status: string;
  /** By their names in small letters. */
  readonly headers: ReadonlyMap<string, string>;
  /** In latin1. */
  readonly body: string;
}

/** What is sent on a connection, and what is answered: each to its last byte, one after the other. */
export class RawHttp {
  readonly socket: Socket;
  #received: Buffer[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#received.push(chunk));
  }

  static async over(socket: Socket): Promise<RawHttp> {
    const connection = new RawHttp(socket);
    await once(socket, "connect");
    return connection;
  }

  /** The next answer after this was sent. */
  async ask(sent: string): Promise<RawAnswer> {
    this.socket.write(sent);
    let end = this.#headerEnd();
    for (; end === -1; end = this.#headerEnd()) await once(this.socket, "data");
    const [status = "", ...lines] = this.#take(end).trimEnd().split("\r\n");
    const headers = new Map(
      lines.map((line): [string, string] => {
        const [name = "", ...value] = line.split(": ");
        return [name.toLowerCase(), value.join(": ")];
      }),
    );
    const length = Number(headers.get("content-length") ?? 0);
    while (this.#length < length) await once(this.socket, "data");
    return { status, headers, body: this.#take(length) };
  }

  get #length(): number {
    return this.#received.reduce((sum, { length }) => sum + length, 0);
  }

  /** Behind the empty line that ends a header; -1: it has not come. */
  #headerEnd(): number {
    const at = Buffer.concat(this.#received).indexOf("\r\n\r\n");
    return at === -1 ? -1 : at + 4;
  }

  #take(length: number): string {
    const bytes = Buffer.concat(this.#received);
    this.#received = [bytes.subarray(length)];
    return bytes.toString("latin1", 0, length);
  }
}

/** A GET that says nothing but what it has to, and these lines. */
export function plain(path: string, ...lines: readonly string[]): string {
  return `${[`GET ${path} HTTP/1.1`, "Host: a", ...lines].join("\r\n")}\r\n\r\n`;
}

/** The same with a line that the quick way does not know. */
export function usual(path: string, ...lines: readonly string[]): string {
  return plain(path, "DNT: 1", ...lines);
}
