import type { FastifyReply, FastifyRequest } from "fastify";
import { type Selection, selectBytes } from "./conditional.ts";
import { type DownloadWatch, type Part, startDownload } from "../files/download.ts";
import type { OpenFile } from "../files/open-file.ts";
import type { Turns } from "../files/turns.ts";

export interface FileAnswer {
  /** Is closed in any case. */
  readonly file: OpenFile;
  readonly etag: string;
  readonly contentType: string;
  readonly turns: Turns;
  readonly watch: DownloadWatch;
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

function sendPart(
  reply: FastifyReply,
  part: Part,
  { file, turns, watch }: FileAnswer,
): FastifyReply {
  const response = reply.raw;
  // The connection may have ended while the file was opened; its `close` is not emitted again.
  if (response.destroyed) {
    file.close();
    return reply.hijack();
  }
  reply.hijack();
  const headers = Object.entries(reply.getHeaders());
  response.writeHead(
    response.statusCode,
    headers.flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
  );
  const client = reply.request.socket.remoteAddress ?? "";
  startDownload({ response, file, part, turns, client, watch });
  return reply;
}
