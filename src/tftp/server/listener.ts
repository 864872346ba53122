import { equalBytes, printable } from "../../lib/bytes.ts";
import { DecodeError, messageOf } from "../../lib/errors.ts";
import { formatEndpoint } from "../../net/udp.ts";
import type { OpenConnectedUdp, UdpEndpoint, UdpSocket } from "../../net/udp.ts";
import type { SlotHolder } from "./transfer-slots.ts";
import { type Channel, openChannel, sharedChannel } from "./channel.ts";
import { DataPorts } from "./data-ports.ts";
import { TransferDriver, type Subject, type TftpFile } from "./transfer-driver.ts";
import { DataFrames } from "./data-frames.ts";
import type { RequestedName } from "../wire/file-names.ts";
import { negotiate, type NegotiationLimits } from "../wire/option-negotiation.ts";
import type { TftpServerOptions } from "./server-options.ts";
import { decodePacket, encodePacket, ErrorCode, errorPacket } from "../wire/packet.ts";
import type { ErrorPacket, RequestPacket, TftpPacket } from "../wire/packet.ts";
import { checkRequest } from "../wire/request-check.ts";

/** A timer with one deadline. */
export interface DeadlineTimer {
  /** Fires at this time, on the clock's scale, instead of any set before; null: not at all. */
  set(atMs: number | null): void;
}

/** What a listener needs of the server. */
export interface ListenerHost {
  /** A timer that calls `due` once for each time that was set and is reached. */
  newTimer(due: () => void): DeadlineTimer;
  /** Takes one of the transfer slots; else why not, in words for the client. */
  take(holder: SlotHolder): string | null;
  /** Gives the slot back. */
  release(holder: SlotHolder): void;
}

/** One client that requested one file. It exists from the request on, so that it counts at once. */
interface Session extends SlotHolder {
  readonly client: UdpEndpoint;
  readonly subject: Subject;
  /** The datagram with the request. */
  readonly request: Uint8Array;
  channel: Channel | null;
  driver: TransferDriver | null;
  over: boolean;
}

/** IPv4, UDP and TFTP in front of a block. */
const HEADER_BYTES = 20 + 8 + 4;

/** No client repeats its request this quickly: such a copy was made by the network. */
const NETWORK_COPY_MS = 200;

/** One address that is listened on, with the transfers that were requested there. */
export class Listener {
  readonly #socket: UdpSocket;
  readonly #options: TftpServerOptions;
  readonly #host: ListenerHost;
  readonly #ports: DataPorts | null;
  /** By the client's address and port. */
  readonly #sessions = new Map<string, Session>();
  /** Sockets and files that are being closed. */
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
    for (const session of this.#sessions.values()) this.#cut(session, "the server is stopping");
    await Promise.all([this.#socket.close(), ...this.#releasing]);
  }

  #cut(session: Session, reason: string): void {
    const error = encodePacket(errorPacket(ErrorCode.NOT_DEFINED, reason));
    (session.channel?.socket ?? this.#socket).send(error, session.client);
    session.driver?.fail(reason);
    this.#end(session);
  }

  #receive(payload: Uint8Array, from: UdpEndpoint): void {
    const packet = this.#decode(payload, from);
    if (packet === null || from.port === 0) return;
    if (packet.opcode === "rrq" || packet.opcode === "wrq") {
      if (!this.#stopped) this.#receiveRequest(packet, payload, from);
      return;
    }
    // Anything else is for a transfer from this port (single-port mode), or late.
    const session = this.#sessions.get(formatEndpoint(from));
    if (session?.channel?.socket === this.#socket) session.driver?.receive(packet);
  }

  #receiveRequest(request: RequestPacket, payload: Uint8Array, client: UdpEndpoint): void {
    const judgement = checkRequest(request);
    const machine = { mac: judgement.mac, address: client.address };
    const asked = printable(request.filename);
    const subject = { machine, asked, startedAt: this.#options.clock.now() };
    if (judgement.kind === "refuse") return this.#refuse(client, subject, judgement.error);

    const former = this.#sessions.get(formatEndpoint(client));
    if (former !== undefined && this.#isCopy(former, payload)) return;
    const session = this.#newSession(client, subject, payload);
    if (former !== undefined) this.#replace(former, session);
    const refusal = this.#host.take(session);
    if (refusal !== null) {
      return this.#refuse(client, subject, errorPacket(ErrorCode.NOT_DEFINED, refusal));
    }
    this.#sessions.set(formatEndpoint(client), session);
    void this.#serve(session, request, judgement.name);
  }

  #newSession(client: UdpEndpoint, subject: Subject, request: Uint8Array): Session {
    const session: Session = {
      client,
      subject,
      request,
      channel: null,
      driver: null,
      over: false,
      address: client.address,
      startedAt: subject.startedAt,
      get answered() {
        return session.driver?.answered ?? false;
      },
      evict: (reason) => this.#cut(session, reason),
    };
    return session;
  }

  #refuse(
    client: UdpEndpoint,
    { machine, asked: file }: Subject,
    error: ErrorPacket,
    reason = error.message,
  ): void {
    this.#socket.send(encodePacket(error), client);
    const errorCode = error.code;
    this.#options.emit({ event: "tftp-refused", ...machine, file, errorCode, reason });
  }

  /** A duplicate, not a new request: it came before the file was found, or was copied by the network. */
  #isCopy(former: Session, payload: Uint8Array): boolean {
    if (former.driver === null) return equalBytes(former.request, payload);
    const age = this.#options.clock.now() - former.subject.startedAt;
    if (former.driver.answered || age >= NETWORK_COPY_MS) return false;
    return equalBytes(former.request, payload);
  }

  /**
   * RFC 1350 4: a client is its address and port, so a new request from there starts over. It keeps
   * our port, which the client may know already.
   */
  #replace(former: Session, session: Session): void {
    session.channel = former.channel;
    if (former.channel !== null) former.channel.receiver = null;
    former.channel = null;
    if (former.driver?.answered === true) {
      former.driver.fail("the client asked again from the same port");
    } else {
      former.driver?.drop();
    }
    // Also where the file was still being looked up.
    this.#end(former);
  }

  /** Begins the transfer, or says why not. Never rejects. */
  async #serve(session: Session, request: RequestPacket, name: RequestedName): Promise<void> {
    let error: ErrorPacket | null;
    let reason: string | undefined;
    try {
      error = await this.#begin(session, request, name);
    } catch (fault) {
      error = errorPacket(ErrorCode.NOT_DEFINED, "the server cannot send it now");
      reason = messageOf(fault);
    }
    if (error === null || session.over) return;
    this.#refuse(session.client, session.subject, error, reason);
    this.#end(session);
  }

  /** Finds the file, opens the transfer's socket and sends the first packets; else the error to refuse with. */
  async #begin(
    session: Session,
    request: RequestPacket,
    name: RequestedName,
  ): Promise<ErrorPacket | null> {
    const { clock, emit } = this.#options;
    const found = await this.#find(name, session.subject);
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
    const timer = this.#host.newTimer(() => session.driver?.wake());
    const terms = negotiate(request.options, this.#limitsNow(), found.blob.size);
    const frames = new DataFrames(terms);
    session.driver = new TransferDriver(found, terms, session.subject, {
      clock,
      emit,
      send: (packet) => channel.socket.send(frames.encode(packet), session.client),
      wakeAt: (atMs) => timer.set(atMs),
      ended: () => {
        this.#release(found.blob.close());
        this.#end(session);
      },
    });
    channel.receiver = session.driver;
    session.driver.start();
    return null;
  }

  /** The limits with the MTU of this address's link as it is now. */
  #limitsNow(): NegotiationLimits {
    const { limits, mtuAt } = this.#options;
    const mtu = mtuAt?.(this.#socket.local.address) ?? null;
    if (mtu === null) return limits;
    const { maxBlockSize, maxWindowSize } = limits;
    return { maxBlockSize: Math.min(maxBlockSize, mtu - HEADER_BYTES), maxWindowSize };
  }

  async #find(name: RequestedName, { machine, asked }: Subject): Promise<TftpFile | null> {
    const { find, emit } = this.#options;
    for (const candidate of [...name.spellings, ...name.repairs]) {
      const found = await find(candidate, this.#socket.local.address);
      if (found === null) continue;
      // As with SMEE, a folder in front of the name may be ignored.
      const plain = (one: string): boolean => one === found.name || one.endsWith(`/${found.name}`);
      if (!name.spellings.some(plain)) {
        emit({ event: "tftp-rescued", ...machine, asked, file: found.name });
      }
      return found;
    }
    return null;
  }

  async #openChannel(client: UdpEndpoint): Promise<Channel | null> {
    const { openUdp, openTransferUdp, limits } = this.#options;
    if (limits.singlePort) return sharedChannel(this.#socket);
    const open: OpenConnectedUdp = openTransferUdp ?? ((local) => openUdp(local));
    const decode = (payload: Uint8Array, from: UdpEndpoint) => this.#decode(payload, from);
    return openChannel(open, this.#socket.local.address, client, this.#ports, decode);
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

  /** Forgets the session and frees what it holds; its transfer has ended or never began. */
  #end(session: Session): void {
    if (session.over) return;
    session.over = true;
    this.#sessions.delete(formatEndpoint(session.client));
    if (session.channel !== null) this.#release(session.channel.release());
    this.#host.release(session);
  }

  /** Closes in the background; `close` waits for it. */
  #release(closing: Promise<void>): void {
    // A file that cannot be closed does no harm.
    const settled = closing.catch(() => {}).finally(() => this.#releasing.delete(settled));
    this.#releasing.add(settled);
  }
}
