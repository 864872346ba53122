import type { IncomingMessage, ServerResponse } from "node:http";
import type { Place } from "./admission.ts";
import type { ParserTurns } from "./parser-turns.ts";
import type { PlainGet } from "./plain-get.ts";
import type { PlainResponse } from "./plain-response.ts";
import type { SendQueues } from "./send-queues.ts";

export interface ConnectionTimeouts {
  /** From a request's first bytes to the end of its header. */
  readonly headerMs: number;
  /** From the end of the header to the last byte of the body. */
  readonly bodyMs: number;
  /** Of silence, where no request is under way. A response that does not get on has up to twice as long. */
  readonly idleMs: number;
}

export interface ConnectionOptions {
  readonly timeouts: ConnectionTimeouts;
  readonly sendQueues: SendQueues;
  /** Shared by the connections of a port. */
  readonly turns: ParserTurns;
  /** A request began, or the last one was answered. */
  readonly busy: (connection: Place) => void;
  readonly idle: (connection: Place) => void;
  /** Answers a request by itself, as a whole and at once; null: it goes the usual way. */
  readonly quick: QuickAnswer | null;
}

/** What a client asked plainly is answered with: the whole response with its header, or a body that follows the header. */
export type QuickAnswer = (request: PlainGet, peer: Peer) => Buffer | QuickBody | null;

export interface QuickBody {
  /** Status line and header. */
  readonly header: string;
  /** Sends the body. */
  readonly start: (response: PlainResponse) => void;
}

/** The two ends of a connection. */
export interface Peer {
  readonly remoteAddress: string | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly encrypted: boolean;
}

/** A request and its answer. */
export interface Exchange {
  readonly request: Pick<IncomingMessage, "complete">;
  readonly response: Pick<ServerResponse, "headersSent"> & {
    /** The connection ended; absent: Node tells it. */
    lost?(): void;
  };
}
