import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { endianness } from "node:os";

/** One end of a TCP connection over IPv4. */
export interface TcpEnd {
  readonly address: string;
  readonly port: number;
}

const table = "/proc/self/net/tcp";

/**
 * What the kernel has still to send on each connection. That it took a write says nothing about the
 * client: a slow one may need minutes for what is in the send buffer.
 */
export class SendQueues {
  readonly #read: () => Promise<string>;
  readonly #freshMs: number;
  #text: Promise<string> | null = null;
  #readAtMs = 0;

  /** Connections that stop within `freshMs` are looked up in one reading of the table. */
  constructor(read: () => Promise<string> = () => readFile(table, "latin1"), freshMs = 1000) {
    this.#read = read;
    this.#freshMs = freshMs;
  }

  /** `of` the connection that a socket is. */
  ofSocket({
    remoteAddress = "",
    remotePort = 0,
    localAddress = "",
    localPort = 0,
  }: Socket): Promise<number | null> {
    const local = { address: localAddress, port: localPort };
    return this.of(local, { address: remoteAddress, port: remotePort });
  }

  /** Bytes that were written and not yet acknowledged; null where the system does not tell. */
  async of(local: TcpEnd, remote: TcpEnd): Promise<number | null> {
    const nowMs = performance.now();
    if (this.#text === null || nowMs - this.#readAtMs > this.#freshMs) {
      this.#readAtMs = nowMs;
      this.#text = this.#read().catch(() => "");
    }
    return queueIn(await this.#text, local, remote);
  }
}

/** From a row of `/proc/net/tcp`: `sl: local remote state tx_queue:rx_queue …`, see proc_pid_net(5). */
function queueIn(text: string, local: TcpEnd, remote: TcpEnd): number | null {
  const ends = ` ${formatEnd(local)} ${formatEnd(remote)} `;
  const at = text.indexOf(ends);
  const digits = /^[0-9A-F]{2} ([0-9A-F]+):/.exec(text.slice(at + ends.length, at + 80))?.[1];
  return at === -1 || digits === undefined ? null : Number.parseInt(digits, 16);
}

/** `0100007F:1F90`: the address as a number in the order of the host's bytes. */
function formatEnd({ address, port }: TcpEnd): string {
  const bytes = address
    .replace(/^::ffff:/i, "")
    .split(".")
    .map(Number);
  const inHostOrder = endianness() === "LE" ? bytes.toReversed() : bytes;
  const digits = inHostOrder.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${digits}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
}
