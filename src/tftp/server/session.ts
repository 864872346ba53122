import { equalBytes } from "../../lib/bytes.ts";
import { messageOf } from "../../lib/errors.ts";
import type { OpenConnectedUdp, UdpEndpoint, UdpSocket } from "../../net/udp.ts";
import type { RequestedName } from "../wire/file-names.ts";
import { negotiate, type NegotiationLimits } from "../wire/option-negotiation.ts";
import { encodePacket, ErrorCode, errorPacket } from "../wire/packet.ts";
import type { ErrorPacket, TftpOptions, TftpPacket } from "../wire/packet.ts";
import { type Channel, type Decode, openChannel, sharedChannel } from "./channel.ts";
import { DataFrames } from "./data-frames.ts";
import type { DataPorts } from "./data-ports.ts";
import type { DeadlineTimer } from "./deadline-timer.ts";
import type { TftpServerOptions } from "./server-options.ts";
import {
  type Subject,
  type TftpFile,
  type TftpRefusal,
  TransferDriver,
} from "./transfer-driver.ts";
import type { SlotHolder } from "./transfer-slots.ts";

/** A read request that may be served. */
export interface ReadRequest {
  readonly client: UdpEndpoint;
  readonly subject: Subject;
  readonly name: RequestedName;
  readonly options: TftpOptions;
  readonly datagram: Uint8Array;
}

/** What a session needs of its listener. */
export interface SessionHost {
  readonly options: TftpServerOptions;
  /** Where the request came to. */
  readonly socket: UdpSocket;
  /** Null: any free port. */
  readonly ports: DataPorts | null;
  readonly decode: Decode;
  /** How many sessions there are. */
  transfers(): number;
  newTimer(due: () => void): Pick<DeadlineTimer, "set">;
  /** Answers the request with an error; `reason` is for the log. */
  refuse(request: ReadRequest, error: ErrorPacket, reason?: string): void;
  /** Does not answer the request, which the client repeats. */
  pass(request: ReadRequest, reason: string): void;
  /** The client is there. */
  answered(session: Session): void;
  /** Forget the session. Called once. */
  ended(session: Session, refused: boolean): void;
  /** Waits for something that closes by itself. */
  release(closing: Promise<void>): void;
  /** Resolves when all that closes now has. */
  released(): Promise<unknown>;
}

/** For the log. */
const NO_PORT =
  "not answered yet: other programs use the ports of tftp.dataPorts, or all are taken for the moment; the client gets one when it asks again";

/** IPv4, UDP and TFTP in front of a block. */
const HEADER_BYTES = 20 + 8 + 4;
/** No client repeats its request this quickly: such a copy was made by the network. */
const NETWORK_COPY_MS = 200;
/** A copy that comes this soon after an ACK was sent before it and was delayed, maybe in our own socket. */
const DELAYED_COPY_MS = 2000;

/** One client that requested one file. It exists from the request on, so that it counts at once. */
export class Session implements SlotHolder {
  readonly request: ReadRequest;
  readonly #host: SessionHost;
  #channel: Channel | null = null;
  #driver: TransferDriver | null = null;
  #over = false;

  constructor(request: ReadRequest, host: SessionHost) {
    this.request = request;
    this.#host = host;
  }

  get address(): string {
    return this.request.client.address;
  }

  get startedAt(): number {
    return this.request.subject.startedAt;
  }

  /** A packet that came to the listening port: for this session in single-port mode, else late. */
  receiveShared(packet: TftpPacket): void {
    if (this.#channel?.socket === this.#host.socket) this.#driver?.receive(packet);
  }

  evict(reason: string): void {
    this.cut(reason);
  }

  /** Ends it from outside. Only a client that answered is told: any other address may be forged. */
  cut(reason: string): void {
    if (this.#driver?.answered === true) {
      const error = encodePacket(errorPacket(ErrorCode.NOT_DEFINED, reason));
      this.#channel?.socket.send(error, this.request.client);
    }
    this.#driver?.fail(reason);
    this.#end();
  }

  /** It got no slot. */
  discard(): void {
    this.#end();
  }

  /**
   * Whether a request from the same port is a copy of this session's. A client that restarts from a port of
   * its own choice repeats its request too; but it acknowledges nothing any more.
   */
  hasCopy(datagram: Uint8Array): boolean {
    if (!equalBytes(this.request.datagram, datagram)) return false;
    const driver = this.#driver;
    if (driver === null) return true;
    const now = this.#host.options.clock.now();
    if (driver.answered) return now - driver.heardAt < DELAYED_COPY_MS;
    return now - this.startedAt < NETWORK_COPY_MS;
  }

  /**
   * RFC 1350 4: a client is its address and port, so a new request from there starts over. The new session
   * keeps our port, which the client may know already.
   */
  replaceWith(next: Session): void {
    next.#channel = this.#channel;
    if (this.#channel !== null) this.#channel.receiver = null;
    this.#channel = null;
    if (this.#driver?.answered === true) {
      this.#driver.fail("the client asked again from the same port");
    } else {
      this.#driver?.drop();
    }
    // Also where the file was still being looked up.
    this.#end();
  }

  /** Starts the transfer, or refuses it. Never rejects. */
  async begin(): Promise<void> {
    if (this.#over) return;
    let refusal: Refusal | null;
    try {
      refusal = await this.#start();
    } catch (fault) {
      const error = errorPacket(ErrorCode.NOT_DEFINED, "the server cannot send it now");
      refusal = { error, reason: messageOf(fault) };
    }
    if (refusal === null || this.#over) return;
    if ("error" in refusal) this.#host.refuse(this.request, refusal.error, refusal.reason);
    else this.#host.pass(this.request, refusal.reason);
    this.#end(true);
  }

  /** Finds the file, opens the transfer's socket and sends the first packets; else the error to refuse with. */
  async #start(): Promise<Refusal | null> {
    const { client, options, subject } = this.request;
    const { clock, emit, moved } = this.#host.options;
    const found = await this.#find();
    if (found === null) return { error: notFound() };
    if (found.kind === "refused") {
      const { reason, asMissing } = found;
      const error = asMissing ? notFound() : errorPacket(ErrorCode.ACCESS_VIOLATION, reason);
      return { error, reason };
    }
    try {
      if (!this.#over) this.#channel ??= await this.#openChannel(client);
    } catch (error) {
      this.#host.release(found.blob.close());
      throw error;
    }
    const channel = this.#channel;
    if (channel === null || this.#over) {
      this.#host.release(found.blob.close());
      if (channel !== null) this.#host.release(channel.release());
      return { reason: NO_PORT };
    }
    const timer = this.#host.newTimer(() => this.#driver?.wake());
    const terms = negotiate(options, this.#limits(), found.blob.size);
    const frames = new DataFrames(terms);
    this.#driver = new TransferDriver(found, terms, subject, {
      clock,
      emit,
      transfers: () => this.#host.transfers(),
      send: (packet) => channel.socket.send(frames.encode(packet), client),
      wakeAt: (atMs) => timer.set(atMs),
      answered: () => this.#host.answered(this),
      moved: (bytesSent) => moved?.(subject.machine, bytesSent),
      ended: () => {
        this.#host.release(found.blob.close());
        this.#end();
      },
    });
    channel.receiver = this.#driver;
    this.#driver.start();
    return null;
  }

  /** The limits with the MTU of the address's link as it is now. */
  #limits(): NegotiationLimits {
    const { limits, mtuAt } = this.#host.options;
    const mtu = mtuAt?.(this.#host.socket.local.address) ?? null;
    if (mtu === null) return limits;
    const { maxBlockSize, maxWindowSize } = limits;
    return { maxBlockSize: Math.min(maxBlockSize, mtu - HEADER_BYTES), maxWindowSize };
  }

  async #find(): Promise<TftpFile | TftpRefusal | null> {
    const { find, emit } = this.#host.options;
    const { name, subject } = this.request;
    let refusal: TftpRefusal | null = null;
    for (const candidate of [...name.spellings, ...name.repairs]) {
      const found = await find(candidate, this.#host.socket.local.address, subject.machine);
      if (found === null) continue;
      if (found.kind === "refused") {
        refusal ??= found;
        continue;
      }
      // As with SMEE, a folder in front of the name may be ignored.
      const plain = (one: string): boolean => one === found.name || one.endsWith(`/${found.name}`);
      const isAsked =
        found.isAsked === true ? name.spellings.includes(candidate) : name.spellings.some(plain);
      if (!isAsked) {
        const { machine, asked } = subject;
        emit({ event: "tftp-rescued", ...machine, asked, file: found.name });
      }
      return found;
    }
    return refusal;
  }

  async #openChannel(client: UdpEndpoint): Promise<Channel | null> {
    const { socket, ports, decode } = this.#host;
    const { openUdp, openTransferUdp, limits, allows = everybody } = this.#host.options;
    if (limits.singlePort) return sharedChannel(socket);
    const open: OpenConnectedUdp = openTransferUdp ?? ((local) => openUdp(local));
    const opened = (): Promise<Channel | null> =>
      openChannel(open, socket.local.address, client, ports, { decode, allows });
    const channel = await opened();
    if (channel !== null) return channel;
    // The slot of a transfer that has ended is free a moment before its port.
    await this.#host.released();
    return opened();
  }

  #end(refused = false): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#channel !== null) this.#host.release(this.#channel.release());
    this.#host.ended(this, refused);
  }
}

const everybody = (): boolean => true;

/**
 * Why a request is refused: what the client is told, and what the log says where that is more. Without an error it is
 * told nothing: firmware repeats its request for half a minute, and gives up at an error.
 */
type Refusal =
  | { readonly error: ErrorPacket; readonly reason?: string }
  | { readonly reason: string };

function notFound(): ErrorPacket {
  return errorPacket(ErrorCode.FILE_NOT_FOUND, "file not found");
}
