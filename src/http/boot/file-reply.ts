import type { ServerResponse } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Selection, selectBytes } from "./conditional.ts";
import { CLIENT_ENDED, Connection } from "../connections/connection.ts";
import { type BodyLine, type DownloadWatch, type Part, startDownload } from "../files/download.ts";
import type { OpenFile } from "../files/open-file.ts";
import type { DownloadQueue, Place } from "../files/queue.ts";
import type { Machine } from "../../events/types.ts";
import type { Turns } from "../files/turns.ts";

export interface FileAnswer {
  /** Is closed in any case. */
  readonly file: OpenFile;
  readonly etag: string;
  readonly contentType: string;
  readonly turns: Turns;
  readonly watch: DownloadWatch;
  /** Whose turn it is. */
  readonly machine: Pick<Machine, "address">;
  /** Null: it need not wait. */
  readonly queued: QueuedDownload | null;
}

/** A download that may have to wait until other machines have theirs. */
export interface QueuedDownload {
  readonly queue: DownloadQueue;
  /** With its last byte the machine has all that it needs. */
  readonly isLastFile: boolean;
  /** So many machines are before it; said every few seconds. */
  readonly waits: (ahead: number) => void;
  /** Its turn came. */
  readonly admitted: (waitedMs: number) => void;
}

/** Answers a GET or HEAD with a file, or the part of it that the request's headers ask for. */
export function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  answer: FileAnswer,
): FastifyReply {
  const { file, etag, contentType } = answer;
  const selection = selectBytes(request.method, request.headers, {
    size: file.size,
    etag,
    modifiedMs: file.modifiedMs,
  });
  reply
    .header("accept-ranges", "bytes")
    .header("etag", etag)
    .header("last-modified", new Date(file.modifiedMs).toUTCString())
    // The same URL names other bytes after the next synchronisation.
    .header("cache-control", "no-cache");
  const part = partOf(selection, file.size);
  if (part === null) {
    file.close();
    return sendNothing(reply, selection, file.size);
  }
  const length = part.last - part.first + 1;
  reply
    .code(selection.kind === "part" ? 206 : 200)
    .type(contentType)
    .header("content-length", length);
  if (selection.kind === "part") {
    reply.header("content-range", `bytes ${part.first}-${part.last}/${file.size}`);
  }
  if (request.method === "HEAD" || length === 0) {
    file.close();
    return reply.send();
  }
  return sendPart(reply, part, answer);
}

function partOf(selection: Selection, size: number): Part | null {
  switch (selection.kind) {
    case "whole":
      return { first: 0, last: size - 1 };
    case "part":
      return { first: selection.first, last: selection.last };
    case "not-modified":
    case "precondition-failed":
    case "unsatisfiable":
      return null;
  }
}

function sendNothing(reply: FastifyReply, selection: Selection, size: number): FastifyReply {
  if (selection.kind === "not-modified") return reply.code(304).send();
  if (selection.kind === "precondition-failed") return reply.code(412).send();
  return reply.code(416).header("content-range", `bytes */${size}`).send();
}

function sendPart(reply: FastifyReply, part: Part, answer: FileAnswer): FastifyReply {
  const { file, turns, watch, queued } = answer;
  const response = reply.raw;
  // The connection may have ended while the file was opened; its `close` is not emitted again.
  if (response.destroyed) {
    file.close();
    return reply.hijack();
  }
  reply.hijack();
  const client = answer.machine.address ?? reply.request.socket.remoteAddress ?? "";
  const begin = (watched: DownloadWatch): void => {
    const headers = Object.entries(reply.getHeaders());
    response.writeHead(
      response.statusCode,
      headers.flatMap(([name, value]) => (value === undefined ? [] : [asGrubReads(name), value])),
    );
    startDownload({ response, file, part, turns, client, watch: watched, line: lineOf(response) });
  };
  if (queued === null) begin(watch);
  else waitInLine(response, { ...answer, queued, part, client, begin });
  return reply;
}

/** The connection of a response; where it is none of ours, as in a test without a port, the response itself. */
function lineOf(response: ServerResponse): BodyLine {
  if (response.socket instanceof Connection) return response.socket;
  return {
    isDirect: false,
    sendDirectly: () => 0,
    writeBody: (bytes, taken) => void response.write(bytes, taken),
    together: (write) => write(),
  };
}

/** GRUB before 2.12 knows the length by this spelling alone, and ends a download of unknown length (grub-core/net/http.c). */
function asGrubReads(name: string): string {
  return name === "content-length" ? "Content-Length" : name;
}

interface WaitingDownload extends FileAnswer {
  readonly queued: QueuedDownload;
  readonly part: Part;
  readonly client: string;
  /** Sends header and body. */
  readonly begin: (watched: DownloadWatch) => void;
}

/**
 * The request is held while the machine waits: iPXE sets no time for an answer. After a while it gets a 503
 * with Retry-After, upon which iPXE asks again; a machine that is gone does not, and leaves the line.
 */
function waitInLine(response: ServerResponse, download: WaitingDownload): void {
  const { file, part, watch, queued, client, begin } = download;
  const { queue, isLastFile, waits, admitted } = queued;
  const { socket } = response;
  const gone = (): void => {
    stopListening();
    leave();
    file.close();
    watch.aborted(part, 0);
    response.destroy();
  };
  const stopListening = (): void => {
    response.off("close", gone);
    socket?.off(CLIENT_ENDED, gone);
  };
  response.once("close", gone);
  socket?.once(CLIENT_ENDED, gone);
  const leave = queue.enter(client, {
    waits,
    admitted: (place, waitedMs) => {
      stopListening();
      if (waitedMs > 0) admitted(waitedMs);
      begin(withPlace(watch, place, isLastFile ? file.size - 1 : null));
    },
    asksAgain: (seconds) => {
      stopListening();
      file.close();
      response.writeHead(503, { "retry-after": `${seconds}`, "content-length": 0 }).end();
    },
    left: () => watch.aborted(part, 0),
  });
}

/** `last`: the byte with which the machine has all that it needs. */
function withPlace(watch: DownloadWatch, place: Place, last: number | null): DownloadWatch {
  return {
    started: (part) => watch.started(part),
    progressed: (bytesSent) => {
      place.moved();
      watch.progressed(bytesSent);
    },
    done: (part) => {
      place.end(part.last === last);
      watch.done(part);
    },
    aborted: (part, bytesSent) => {
      place.end(false);
      watch.aborted(part, bytesSent);
    },
  };
}
