import { reportedError } from "../../boot/script/failure-report.ts";
import { isOptionalFile } from "../../boot/optional-files.ts";
import { printable } from "../../lib/bytes.ts";
import { DecodeError } from "../../lib/errors.ts";
import { formatEndpoint } from "../../net/udp.ts";
import type { UdpEndpoint, UdpSocket } from "../../net/udp.ts";
import { decodePacket, encodePacket, ErrorCode, errorPacket } from "../wire/packet.ts";
import type { ErrorPacket, RequestPacket, TftpPacket } from "../wire/packet.ts";
import { checkRequest } from "../wire/request-check.ts";
import { DataPorts } from "./data-ports.ts";
import { DeadlineTimer } from "./deadline-timer.ts";
import type { TftpServerOptions } from "./server-options.ts";
import { type ReadRequest, Session, type SessionHost } from "./session.ts";
import type { StartQueue } from "./start-queue.ts";
import type { Subject } from "./transfer-driver.ts";
import type { TransferSlots } from "./transfer-slots.ts";

const NOT_ALLOWED =
  "not answered: the client is in no network of a served link. If machines boot from its network, add that to " +
  "tftp.allowFrom";

/** What the name of a file cannot report. */
const unknown = { message: null, version: null, platform: null, manufacturer: null, product: null };

/** What the listeners of a server share. */
export interface ListenerHost {
  readonly slots: TransferSlots;
  readonly starts: StartQueue;
  /** A transfer has ended and released its slot. */
  ended(): void;
}

/** One address that is listened on, with the transfers that were requested there. */
export class Listener {
  readonly #socket: UdpSocket;
  readonly #options: TftpServerOptions;
  readonly #host: ListenerHost;
  readonly #sessionHost: SessionHost;
  /** By the client's address and port. */
  readonly #sessions = new Map<string, Session>();
  /** Sockets and files that are being closed. */
  readonly #releasing = new Set<Promise<void>>();
  #stopped = false;

  constructor(socket: UdpSocket, options: TftpServerOptions, host: ListenerHost) {
    this.#socket = socket;
    this.#options = options;
    this.#host = host;
    const { dataPorts } = options.limits;
    this.#sessionHost = {
      options,
      socket,
      ports: dataPorts === null ? null : new DataPorts(dataPorts),
      decode: (payload, from) => this.#decode(payload, from),
      transfers: () => host.slots.size,
      newTimer: (due) => new DeadlineTimer(options.clock, due),
      refuse: ({ client, subject }, error, reason) => this.#refuse(client, subject, error, reason),
      pass: ({ subject }, reason) => this.#report(subject, ErrorCode.NOT_DEFINED, reason),
      answered: (session) => host.slots.answered(session),
      ended: (session, refused) => this.#forget(session, refused),
      release: (closing) => this.#release(closing),
      released: () => Promise.all(this.#releasing),
    };
    // A reply that could not be sent is a reply that was lost: the client or our timer repeats.
    socket.onError(() => {});
    socket.onMessage((payload, from) => this.#receive(payload, from));
  }

  get endpoint(): UdpEndpoint {
    return this.#socket.local;
  }

  get running(): number {
    return this.#sessions.size;
  }

  /** Takes no further requests. */
  stopListening(): void {
    this.#stopped = true;
    // In single-port mode the running transfers still need the socket.
    if (!this.#options.limits.singlePort) this.#release(this.#socket.close());
  }

  /** Ends the transfers that still run and frees everything. */
  async close(): Promise<void> {
    for (const session of this.#sessions.values()) session.cut("the server is stopping");
    await Promise.all([this.#socket.close(), ...this.#releasing]);
  }

  #receive(payload: Uint8Array, from: UdpEndpoint): void {
    const packet = this.#decode(payload, from);
    if (packet === null || from.port === 0) return;
    if (packet.opcode === "rrq" || packet.opcode === "wrq") {
      if (!this.#stopped) this.#receiveRequest(packet, payload, from);
      return;
    }
    this.#sessions.get(formatEndpoint(from))?.receiveShared(packet);
  }

  #receiveRequest(request: RequestPacket, datagram: Uint8Array, client: UdpEndpoint): void {
    const { clock } = this.#options;
    const check = checkRequest(request);
    const machine = { mac: check.mac, address: client.address };
    const times = { startedAt: clock.now(), requestBytes: datagram.length };
    const subject = { machine, asked: printable(request.filename), ...times };
    if (this.#options.allows?.(client.address) === false) {
      return this.#report(subject, ErrorCode.ACCESS_VIOLATION, NOT_ALLOWED);
    }
    if (check.kind === "refuse") return this.#refuse(client, subject, check.error);
    const denial = this.#options.denies?.(machine) ?? null;
    if (denial !== null) {
      const reason = `this machine may not boot from here: ${denial.reason}`;
      const error = denial.asMissing
        ? errorPacket(ErrorCode.FILE_NOT_FOUND, "file not found")
        : errorPacket(ErrorCode.ACCESS_VIOLATION, reason);
      return this.#refuse(client, subject, error, reason);
    }

    const { name } = check;
    const read = { client, subject, name, options: request.options, datagram };
    if (!this.#sessions.has(formatEndpoint(client))) this.#serve(read);
    // The former transfer's ACK may be waiting in its socket, which is read before that.
    else setImmediate(() => this.#serve(read));
  }

  #serve(request: ReadRequest): void {
    const { client, subject, datagram } = request;
    const former = this.#sessions.get(formatEndpoint(client));
    if (this.#stopped || former?.hasCopy(datagram) === true) return;
    const { slots, starts } = this.#host;
    const session = new Session(request, this.#sessionHost);
    former?.replaceWith(session);
    const refusal = slots.take(session);
    if (refusal !== null) {
      session.discard();
      const error = errorPacket(ErrorCode.NOT_DEFINED, refusal.reason);
      if (refusal.tell) this.#refuse(client, subject, error);
      else this.#report(subject, error.code, refusal.reason);
      return;
    }
    this.#sessions.set(formatEndpoint(client), session);
    starts.push(() => void session.begin());
  }

  #refuse(client: UdpEndpoint, subject: Subject, error: ErrorPacket, reason?: string): void {
    this.#socket.send(encodePacket(error), client);
    this.#report(subject, error.code, reason ?? error.message);
  }

  #report({ machine, asked: file }: Subject, errorCode: number, reason: string): void {
    const { emit } = this.#options;
    const errno = errorCode === ErrorCode.FILE_NOT_FOUND ? reportedError(file) : null;
    if (errno !== null) {
      emit({ event: "beacon", ...machine, stage: "failed", ...unknown, errno: errno || null });
      return;
    }
    if (errorCode === ErrorCode.FILE_NOT_FOUND && isOptionalFile(file)) {
      emit({ event: "optional-file", ...machine, file, protocol: "tftp" });
      return;
    }
    emit({ event: "tftp-refused", ...machine, file, errorCode, reason });
  }

  #decode(payload: Uint8Array, from: UdpEndpoint): TftpPacket | null {
    try {
      return decodePacket(payload);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const { reason } = error;
      this.#options.emit({ event: "tftp-malformed", from: formatEndpoint(from), reason });
      return null;
    }
  }

  #forget(session: Session, refused: boolean): void {
    const key = formatEndpoint(session.request.client);
    if (this.#sessions.get(key) === session) this.#sessions.delete(key);
    this.#host.slots.release(session, refused);
    this.#host.ended();
  }

  /** Closes in the background; `close` waits for it. */
  #release(closing: Promise<void>): void {
    // A file that cannot be closed does no harm.
    const settled = closing.catch(() => {}).finally(() => this.#releasing.delete(settled));
    this.#releasing.add(settled);
  }
}
