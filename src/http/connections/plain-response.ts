/** The connection of a response, as far as that needs it. */
interface Line {
  writeBody(bytes: Uint8Array, taken: () => void): void;
  destroy(): void;
}

/** A response without Node's parser and response object: its header, and whether its body went out whole. */
export class PlainResponse {
  headersSent = false;
  readonly #header: string;
  readonly #line: Line;
  readonly #answered: () => void;
  readonly #heard: Record<"finish" | "close", (() => void)[]> = { finish: [], close: [] };

  /** @param header status line and header, in ASCII */
  constructor(header: string, line: Line, answered: () => void) {
    this.#header = header;
    this.#line = line;
    this.#answered = answered;
  }

  /** `finish`: all of it was sent; `close`: then, and when its connection ends before. */
  once(event: "finish" | "close", heard: () => void): void {
    this.#heard[event].push(heard);
  }

  flushHeaders(): void {
    if (this.headersSent) return;
    this.headersSent = true;
    this.#line.writeBody(Buffer.from(this.#header, "latin1"), () => {});
  }

  /** To be called when the kernel has taken the whole body. */
  end(): void {
    for (const heard of this.#heard.finish.splice(0)) heard();
    this.lost();
    this.#answered();
  }

  destroy(): void {
    this.#line.destroy();
  }

  /** Its connection ended. */
  lost(): void {
    for (const heard of this.#heard.close.splice(0)) heard();
  }
}
