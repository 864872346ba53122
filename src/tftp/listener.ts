import { equalBytes, printable } from "../lib/bytes.ts";
import { DecodeError, messageOf } from "../lib/errors.ts";
import { formatEndpoint, sameEndpoint } from "../net/udp.ts";
import type { OpenConnectedUdp, UdpEndpoint, UdpSocket } from "../net/udp.ts";
import { type Channel, openChannel, sharedChannel } from "./channel.ts";
import { DataPorts } from "./data-ports.ts";
import { Delivery, type Subject, type TftpFile } from "./delivery.ts";
import { negotiate } from "./negotiate.ts";
import type { TftpServerOptions } from "./options.ts";
import { decodePacket, encodePacket, ErrorCode } from "./packet.ts";
import type { ErrorPacket, RequestPacket, TftpPacket } from "./packet.ts";
import { judgeRequest } from "./request.ts";

/** Something that can be set to a time. */
export interface Alarm {
  /** Rings at this time, on the clock's scale, and at no other; null: not at all. */
  set(atMs: number | null): void;
}

/** What a listener needs of the server. */
export interface ListenerHost {
  /** An alarm that calls `ring` once for each time that was set and came. */
  newAlarm(ring: () => void): Alarm;
  /** One more transfer may begin. */
  hasRoom(): boolean;
  /** A session of this listener is over. */
  ended(): void;
}

/** One client that asked for one file. It exists from the request on, so that it counts at once. */
interface Session {
  readonly client: UdpEndpoint;
  readonly subject: Subject;
  /** The datagram that asked. */
  readonly request: Uint8Array;
  channel: Channel | null;
  delivery: Delivery | null;
  over: boolean;
}

/** No client gives up waiting and asks again this quickly: such a copy was made by the network. */
const NETWORK_COPY_MS = 200;

/** One address that is listened on, with the transfers that were asked for there. */
export class Listener {
  readonly #socket: UdpSocket;
  readonly #options: TftpServerOptions;
  readonly #host: ListenerHost;
  readonly #ports: DataPorts | null;
  /** By the client's address and port. */
  readonly #sessions = new Map<string, Session>();
  /** What is being closed. */
  readonly #releasing = new Set<Promise<void>>();
  #stopped = false;

  constructor(socket: UdpSocket, options: TftpServerOptions, host: ListenerHost) {
    const { dataPorts } = options.limits;
    this.#socket = socket;
    this.#options = options;
    this.#host = host;
    this.#ports = dataPorts === null ? null : new DataPorts(dataPorts);
    // A reply that could not be sent is a reply that was lost: the client or our timer repeats.
    socket.onError(() => {});
    socket.onMessage((payload, from) => this.#heard(payload, from));
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

  /** Cuts what still runs and frees everything. */
  async close(): Promise<void> {
    const error = errorPacket(ErrorCode.NOT_DEFINED, "the server is stopping");
    for (const session of this.#sessions.values()) {
      session.channel?.socket.send(encodePacket(error), session.client);
      session.delivery?.fail(error.message);
      this.#end(session);
    }
    await Promise.all([this.#socket.close(), ...this.#releasing]);
  }

  #heard(payload: Uint8Array, from: UdpEndpoint): void {
    const packet = this.#decode(payload, from);
    if (packet === null || from.port === 0) return;
    if (packet.opcode === "rrq" || packet.opcode === "wrq") {
      if (!this.#stopped) this.#heardRequest(packet, payload, from);
      return;
    }
    // Anything else is for a transfer from this port, or comes too late to matter.
    this.#current(this.#socket, from)?.delivery?.receive(packet);
  }

  #heardRequest(request: RequestPacket, payload: Uint8Array, client: UdpEndpoint): void {
    const judgement = judgeRequest(request);
    const machine = { mac: judgement.mac, address: client.address };
    const file = printable(request.filename);
    const subject = { machine, file, startedAt: this.#options.clock.now() };
    if (judgement.kind === "refuse") return this.#refuse(client, subject, judgement.error);

    const former = this.#sessions.get(formatEndpoint(client));
    if (former !== undefined && this.#isCopy(former, payload)) return;
    if (former === undefined && !this.#host.hasRoom()) {
      const busy = errorPacket(ErrorCode.NOT_DEFINED, "the server is busy, try again");
      return this.#refuse(client, subject, busy);
    }
    const session: Session = {
      client,
      subject,
      request: payload,
      channel: null,
      delivery: null,
      over: false,
    };
    if (former !== undefined) this.#replace(former, session);
    this.#sessions.set(formatEndpoint(client), session);

    void this.#serve(session, request, judgement.candidates);
  }

  #refuse(
    client: UdpEndpoint,
    { machine, file }: Subject,
    error: ErrorPacket,
    reason = error.message,
  ): void {
    this.#socket.send(encodePacket(error), client);
    const errorCode = error.code;
    this.#options.emit({ event: "tftp-refused", ...machine, file, errorCode, reason });
  }

  /** Not a wish to start over: it came before the first answer, or is a copy made by the network. */
  #isCopy(former: Session, payload: Uint8Array): boolean {
    if (former.delivery === null) return true;
    const age = this.#options.clock.now() - former.subject.startedAt;
    if (former.delivery.answered || age >= NETWORK_COPY_MS) return false;
    return equalBytes(former.request, payload);
  }

  /**
   * RFC 1350 4: a client is its address and port, so asking again from there starts over. It stays
   * with our port, which the client may have taken note of already.
   */
  #replace(former: Session, session: Session): void {
    session.channel = former.channel;
    former.channel = null;
    if (former.delivery?.answered === true) {
      former.delivery.fail("the client asked again from the same port");
    } else {
      former.delivery?.drop();
    }
  }

  /** Begins the transfer, or says why not. Never rejects. */
  async #serve(
    session: Session,
    request: RequestPacket,
    candidates: readonly string[],
  ): Promise<void> {
    let error: ErrorPacket | null;
    let reason: string | undefined;
    try {
      error = await this.#begin(session, request, candidates);
    } catch (fault) {
      error = errorPacket(ErrorCode.NOT_DEFINED, "the server cannot send it now");
      reason = messageOf(fault);
    }
    if (error === null || session.over) return;
    this.#refuse(session.client, session.subject, error, reason);
    this.#end(session);
  }

  /** Finds the file, opens our end and sends the first packets; else the error to refuse with. */
  async #begin(
    session: Session,
    request: RequestPacket,
    candidates: readonly string[],
  ): Promise<ErrorPacket | null> {
    const { limits, clock, emit } = this.#options;
    const found = await this.#find(candidates);
    if (found === null) return errorPacket(ErrorCode.FILE_NOT_FOUND, "file not found");
    try {
      session.channel ??= await this.#openChannel(session.client);
    } catch (error) {
      this.#release(found.blob.close());
      throw error;
    }
    const { channel } = session;
    if (channel === null || session.over) {
      this.#release(found.blob.close());
      if (channel !== null) this.#release(channel.release());
      return errorPacket(ErrorCode.NOT_DEFINED, "the server has no free port, try again");
    }
    const alarm = this.#host.newAlarm(() => session.delivery?.wake());
    const terms = negotiate(request.options, limits, found.blob.size);
    session.delivery = new Delivery(found, terms, session.subject, {
      clock,
      emit,
      send: (packet) => channel.socket.send(encodePacket(packet), session.client),
      wakeAt: (atMs) => alarm.set(atMs),
      ended: () => {
        this.#release(found.blob.close());
        this.#end(session);
      },
    });
    session.delivery.start();
    return null;
  }

  async #find(candidates: readonly string[]): Promise<TftpFile | null> {
    for (const name of candidates) {
      const found = await this.#options.find(name, this.#socket.local.address);
      if (found !== null) return found;
    }
    return null;
  }

  async #openChannel(client: UdpEndpoint): Promise<Channel | null> {
    const { openUdp, openTransferUdp, limits } = this.#options;
    if (limits.singlePort) return sharedChannel(this.#socket);
    const open: OpenConnectedUdp = openTransferUdp ?? ((local) => openUdp(local));
    return openChannel(open, this.#socket.local.address, client, this.#ports, {
      heard: (socket, payload, from) => {
        const packet = this.#decode(payload, from);
        if (packet === null) return;
        if (!sameEndpoint(from, client)) answerStranger(socket, packet, from);
        else this.#current(socket, client)?.delivery?.receive(packet);
      },
      failed: (socket, reason) => this.#current(socket, client)?.delivery?.fail(reason),
    });
  }

  /** The session of this client, if it is the one that goes through this socket. */
  #current(socket: UdpSocket, client: UdpEndpoint): Session | null {
    const session = this.#sessions.get(formatEndpoint(client));
    return session?.channel?.socket === socket ? session : null;
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

  /** Forgets the session and frees what it holds; its delivery has ended or never began. */
  #end(session: Session): void {
    if (session.over) return;
    session.over = true;
    this.#sessions.delete(formatEndpoint(session.client));
    if (session.channel !== null) this.#release(session.channel.release());
    this.#host.ended();
  }

  /** Lets something close by itself; `close` waits for it. */
  #release(closing: Promise<void>): void {
    // A file that cannot be closed harms nobody any more.
    const settled = closing.catch(() => {}).finally(() => this.#releasing.delete(settled));
    this.#releasing.add(settled);
  }
}

function errorPacket(code: number, message: string): ErrorPacket {
  return { opcode: "error", code, message };
}

/** RFC 1350 4: a stranger is told, and the transfer is not disturbed. An ERROR is never answered. */
function answerStranger(socket: UdpSocket, packet: TftpPacket, from: UdpEndpoint): void {
  if (packet.opcode === "error" || from.port === 0) return;
  const error = errorPacket(ErrorCode.UNKNOWN_TRANSFER_ID, "unknown transfer ID");
  socket.send(encodePacket(error), from);
}
