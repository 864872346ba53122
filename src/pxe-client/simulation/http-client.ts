import { printable } from "../../lib/bytes.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { LoadLoop } from "../../net/load-loop.ts";
import { BootFailure } from "../wire/failure.ts";
import { ChunkedBody, type HttpHead, longestHead, readHead } from "./http-reply.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD";
  readonly address: Ip4;
  readonly port: number;
  /** `Host`. */
  readonly host: string;
  /** With the query. */
  readonly path: string;
  /** Keep the body as text; otherwise it is discarded in the kernel. */
  readonly keep: boolean;
}

export interface HttpReply extends HttpHead {
  /** Of the body. */
  readonly received: number;
  /** The body where it was to be kept, and of every answer but 200; else empty. */
  readonly text: string;
}

/** The kernel repeats its SYN after 1, 3, 7 and 15 s, as iPXE does. */
const silenceMs = 30_000;
const discardAtOnce = 8 * 1024 * 1024;
const readsAtOnce = 4;
/** No script is longer. */
const keptBytes = 1024 * 1024;

/**
 * One HTTP request from a machine's own address, on a connection of its own.
 *
 * @throws BootFailure when nothing comes, or not all of the body
 */
export function requestByHttp(loop: LoadLoop, own: Ip4, request: HttpRequest): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const descriptor = loop.sockets.tcp(own, request);
    if (typeof descriptor === "string") {
      return reject(new BootFailure(`${describe(request)}: ${descriptor}`));
    }
    const exchange = new Exchange(loop, descriptor, request, resolve, (reason) => {
      reject(new BootFailure(`${describe(request)}: ${reason}`));
    });
    exchange.begin();
  });
}

function describe({ host, path }: HttpRequest): string {
  return `HTTP http://${host}${path}`;
}

class Exchange {
  readonly #loop: LoadLoop;
  readonly #descriptor: number;
  readonly #request: HttpRequest;
  readonly #resolve: (reply: HttpReply) => void;
  readonly #reject: (reason: string) => void;
  readonly #id: number;
  #start = new Uint8Array(0);
  #head: HttpHead | null = null;
  #chunks: ChunkedBody | null = null;
  #received = 0;
  readonly #kept: Uint8Array[] = [];
  #keep = false;

  constructor(
    loop: LoadLoop,
    descriptor: number,
    request: HttpRequest,
    resolve: (reply: HttpReply) => void,
    reject: (reason: string) => void,
  ) {
    this.#loop = loop;
    this.#descriptor = descriptor;
    this.#request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#id = loop.watch(
      descriptor,
      { readable: () => this.#readable(), writable: () => this.#writable() },
      true,
    );
  }

  begin(): void {
    this.#loop.setDeadline(this, performance.now() + silenceMs, () => {
      this.#fail(
        `nothing came for ${silenceMs / 1000} s, after ${this.#received} bytes of the body`,
      );
    });
  }

  #writable(): void {
    const connected = this.#loop.sockets.connected(this.#descriptor);
    if (typeof connected === "string") return this.#fail(connected);
    const { method, path, host } = this.#request;
    const text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: iPXE/1.21.1\r\nConnection: close\r\n\r\n`;
    const payload = Buffer.from(text, "latin1");
    // A new connection's buffer takes a request whole.
    const sent = this.#loop.sockets.send(this.#descriptor, payload);
    if (sent !== payload.length) return this.#fail(String(sent));
    this.#loop.rewatch(this.#id, false);
  }

  #readable(): void {
    this.#loop.moveDeadline(this, performance.now() + silenceMs);
    for (let reads = 0; reads < readsAtOnce; reads += 1) if (!this.#read()) return;
  }

  /** One read; whether there may be more. */
  #read(): boolean {
    const { sockets } = this.#loop;
    const head = this.#head;
    if (head !== null && !this.#keep && this.#chunks === null) {
      const left = head.length === null ? discardAtOnce : head.length - this.#received;
      const got = sockets.discard(this.#descriptor, Math.min(left, discardAtOnce));
      if (typeof got === "number") this.#received += got;
      return this.#after(got);
    }
    const into = new Uint8Array(head === null ? longestHead : 64 * 1024);
    const got = sockets.receive(this.#descriptor, into);
    if (typeof got === "number" && got > 0) {
      const piece = into.subarray(0, got);
      const reason = head === null ? this.#readHead(piece) : this.#take(piece);
      if (reason !== null) {
        this.#fail(reason);
        return false;
      }
    }
    return this.#after(got);
  }

  #readHead(piece: Uint8Array): string | null {
    this.#start = Buffer.concat([this.#start, piece]);
    const head = readHead(this.#start);
    if (head === null || typeof head === "string") return head;
    this.#head = head;
    this.#keep = this.#request.keep || head.status !== 200;
    if (head.chunked) this.#chunks = new ChunkedBody();
    return this.#take(this.#start.subarray(head.bytes));
  }

  /** A piece of the body that was read; why it cannot be one, or null. */
  #take(piece: Uint8Array): string | null {
    const contents = this.#chunks === null ? [piece] : this.#chunks.read(piece);
    if (contents === null) return "its body is not in chunks as it says";
    for (const content of contents) {
      this.#received += content.length;
      if (this.#keep && this.#received <= keptBytes) this.#kept.push(content.slice());
    }
    return null;
  }

  /** What a read leads to; whether to read on. */
  #after(got: number | string): boolean {
    if (got === "EAGAIN") return false;
    if (typeof got === "string") {
      this.#fail(`${got} after ${this.#received} bytes of the body`);
      return false;
    }
    if (this.#head !== null && this.#isWhole(this.#head, got === 0)) {
      this.#end();
      this.#resolve({
        ...this.#head,
        received: this.#received,
        text: this.#keep ? Buffer.concat(this.#kept).toString("utf8") : "",
      });
      return false;
    }
    if (got > 0) return true;
    const total = this.#head?.length ?? null;
    const of = total === null ? "" : ` of ${total}`;
    this.#fail(`the connection ended after ${this.#received}${of} bytes of the body`);
    return false;
  }

  #isWhole(head: HttpHead, ended: boolean): boolean {
    if (this.#request.method === "HEAD" || head.status === 204 || head.status === 304) return true;
    if (this.#chunks !== null) return this.#chunks.over;
    return head.length === null ? ended : this.#received >= head.length;
  }

  #end(): void {
    this.#loop.clearDeadline(this);
    this.#loop.close(this.#id);
  }

  #fail(reason: string): void {
    this.#end();
    this.#reject(printable(reason, 300));
  }
}
