/** The head of an HTTP answer, as far as a boot client looks at it. */
export interface HttpHead {
  readonly status: number;
  /** The body's length; null: not said. */
  readonly length: number | null;
  readonly chunked: boolean;
  readonly location: string | null;
  /** Seconds (RFC 9110 10.2.3); null: not said, or a date. */
  readonly retryAfterSeconds: number | null;
  /** Bytes from the beginning of the answer to that of its body. */
  readonly bytes: number;
}

/** A longer head is no boot server's. */
export const longestHead = 16 * 1024;

/** The head in what came so far; null while it is not whole, a text where it is none. */
export function readHead(received: Uint8Array): HttpHead | string | null {
  const text = Buffer.from(received.buffer, received.byteOffset, received.length).toString(
    "latin1",
  );
  const end = text.indexOf("\r\n\r\n");
  if (end === -1) return received.length >= longestHead ? "its head has no end" : null;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1];
  if (status === undefined) return `it is no HTTP: ${JSON.stringify(first.slice(0, 40))}`;
  const fields = new Map(
    lines.map((line): [string, string] => {
      const at = line.indexOf(":");
      return [line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim()];
    }),
  );
  const number = (name: string): number | null => {
    const value = fields.get(name) ?? "";
    return /^\d{1,15}$/.test(value) ? Number(value) : null;
  };
  return {
    status: Number(status),
    length: number("content-length"),
    chunked: /\bchunked\b/i.test(fields.get("transfer-encoding") ?? ""),
    location: fields.get("location") ?? null,
    retryAfterSeconds: number("retry-after"),
    bytes: end + 4,
  };
}

/** Takes a body in chunks apart (RFC 9112 7.1). */
export class ChunkedBody {
  #line = "";
  /** Bytes that are left of the content of this chunk. */
  #left = 0;
  #state: "size" | "content" | "break" | "over" = "size";

  get over(): boolean {
    return this.#state === "over";
  }

  /** The contents in a piece of the body; null when it is no such body. */
  read(piece: Uint8Array): readonly Uint8Array[] | null {
    const contents: Uint8Array[] = [];
    for (let at = 0; at < piece.length && this.#state !== "over";) {
      if (this.#state === "content") {
        const content = piece.subarray(at, at + this.#left);
        contents.push(content);
        this.#left -= content.length;
        at += content.length;
        if (this.#left === 0) this.#state = "break";
        continue;
      }
      const character = String.fromCharCode(piece[at] ?? 0);
      at += 1;
      if (character !== "\n") {
        this.#line += character;
        if (this.#line.length > 256) return null;
        continue;
      }
      const line = this.#line.trim();
      this.#line = "";
      if (this.#state === "break") {
        this.#state = "size";
        continue;
      }
      const size = /^([0-9a-f]{1,8})\s*(;.*)?$/i.exec(line)?.[1];
      if (size === undefined) return null;
      this.#left = Number.parseInt(size, 16);
      this.#state = this.#left === 0 ? "over" : "content";
    }
    return contents;
  }
}
