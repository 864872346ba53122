import type { FastifyReply, FastifyRequest } from "fastify";
import { type Selection, selectBytes } from "./conditional.ts";
import type { OpenFile } from "./files.ts";

/** Byte positions in a file, both included. */
export interface Part {
  readonly first: number;
  readonly last: number;
}

/** What is told about one GET that carries bytes. */
export interface TransferWatch {
  /** Before the first byte leaves. */
  started(part: Part): void;
  /** The network took some more of it. */
  moved(): void;
  /** The last byte of the part was handed to the network. */
  done(part: Part): void;
  /** The connection ended before that; `bytesSent` were handed to it. */
  aborted(part: Part, bytesSent: number): void;
}

export interface FileHeaders {
  readonly etag: string;
  readonly contentType: string;
}

/** Answers a GET or HEAD with `file`, or the part of it that the request's headers ask for. Closes it. */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: OpenFile,
  headers: FileHeaders,
  watch: TransferWatch,
): Promise<FastifyReply> {
  const selection = selectBytes(request.method, request.headers, {
    size: file.size,
    etag: headers.etag,
    modifiedMs: file.modifiedMs,
  });
  reply
    .header("accept-ranges", "bytes")
    .header("etag", headers.etag)
    .header("last-modified", new Date(file.modifiedMs).toUTCString())
    // The same URL names other bytes after the next synchronisation.
    .header("cache-control", "no-cache");
  const part = partOf(selection, file.size);
  if (part === null) {
    await file.close();
    return sendNothing(reply, selection, file.size);
  }
  const length = part.last - part.first + 1;
  reply
    .code(selection.kind === "part" ? 206 : 200)
    .type(headers.contentType)
    .header("content-length", length);
  if (selection.kind === "part") {
    reply.header("content-range", `bytes ${part.first}-${part.last}/${file.size}`);
  }
  if (request.method === "HEAD" || length === 0) {
    await file.close();
    return reply.send();
  }
  return sendPart(reply, file, part, watch);
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

async function sendPart(
  reply: FastifyReply,
  file: OpenFile,
  part: Part,
  watch: TransferWatch,
): Promise<FastifyReply> {
  // The machine may be gone before its file is open; nobody would tell us so any more.
  if (reply.raw.destroyed) {
    await file.close();
    return reply.hijack();
  }
  const expected = part.last - part.first + 1;
  const stream = file.stream(part.first, part.last);
  // A file that shrank while it was read: without this the client would wait for ever for the rest.
  stream.once("end", () => {
    if (stream.bytesRead !== expected) reply.raw.destroy();
  });
  reply.raw.on("drain", () => watch.moved());
  let finished = false;
  reply.raw.once("finish", () => {
    finished = stream.bytesRead === expected;
    if (finished) watch.done(part);
  });
  reply.raw.once("close", () => {
    const waiting = stream.readableLength + reply.raw.writableLength;
    if (!finished) watch.aborted(part, Math.max(0, stream.bytesRead - waiting));
  });
  watch.started(part);
  return reply.send(stream);
}
