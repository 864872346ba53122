import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { loaderNames } from "../../../boot/architecture.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import { tracedBy, withoutTraceparent } from "../../../boot/trace-context.ts";
import type { Machine } from "../../../events/types.ts";
import {
  type BootAppOptions,
  knownDenialOf,
  machineOf,
  refuse,
  refuseDenied,
  refuseUnknown,
} from "../context.ts";
import type { DownloadWatch } from "../../files/download.ts";
import { HeldBytes } from "../../files/files.ts";
import type { OpenFile } from "../../files/open-file.ts";
import { sendFile } from "../file-reply.ts";
import { isBareName } from "../../../lib/bare-name.ts";
import { contentTypeOf } from "../media-type.ts";
import { progressOf } from "../progress.ts";

const namedParams = z.object({ name: z.string() });
const machineParams = z.object({ mac: z.string(), name: z.string() });

/** Loaders for UEFI HTTP boot, whose URL names the machine, and for people. */
export function loaderRoutes(app: FastifyInstance, options: BootAppOptions): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/loaders/:name",
    handler: (request, reply) => {
      const { name } = namedParams.parse(request.params);
      return sendLoader(options, request, reply, { name, mac: null });
    },
  });
  app.route({
    method: ["GET", "HEAD"],
    url: "/:mac/:name",
    handler: (request, reply) => {
      const params = machineParams.parse(request.params);
      const mac = parseMac(params.mac);
      return mac === null
        ? refuseUnknown(options, request, reply)
        : sendLoader(options, request, reply, { name: params.name, mac });
    },
  });
}

/** A loader by its bare name, for the machine with that MAC where the URL tells one. */
export async function sendLoader(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  wanted: { readonly name: string; readonly mac: Mac | null },
): Promise<FastifyReply> {
  const name = withoutTraceparent(wanted.name);
  const { mac } = wanted;
  const machine = machineOf(options, request, mac);
  const denial = knownDenialOf(options, machine);
  // By the other ways it gets iPXE, and a script that sends it on.
  if (denial !== null && (denial.way === "silent" || denial.way === "not-found")) {
    return refuseDenied(options, request, reply, denial, mac);
  }
  const opened = await openLoader(options, name);
  if (opened === null) {
    return refuse(options, request, reply, { status: 404, reason: "not found", mac });
  }
  const { file, etag } = opened;
  const { turns } = options.files;
  const traced = { ...machine, ...tracedBy(wanted.name) };
  const watch = watchLoader(options, traced, {
    name: opened.name,
    bytes: file.size,
    sha256: opened.sha256,
  });
  const contentType = contentTypeOf(name);
  const answer = { file, etag, contentType, turns, watch, machine, queued: null };
  return sendFile(request, reply, answer);
}

interface OpenLoader {
  /** Of the file that is sent: another one than was asked for where a shim asks for its second stage. */
  readonly name: string;
  readonly file: OpenFile;
  readonly etag: string;
  readonly sha256: string | null;
}

async function openLoader(options: BootAppOptions, asked: string): Promise<OpenLoader | null> {
  for (const name of isBareName(asked) ? loaderNames(asked) : []) {
    const opened = await openNamed(options, name);
    if (opened !== null) return opened;
  }
  return null;
}

async function openNamed(options: BootAppOptions, name: string): Promise<OpenLoader | null> {
  const loader = await options.loaders.find(name);
  if (loader === null) return null;
  const { blob, path, modifiedMs, sha256 = null } = loader;
  if (modifiedMs !== undefined || path === null) {
    const bytes = await blob.read(0, blob.size);
    await blob.close();
    const file = new HeldBytes({ bytes, modifiedMs: modifiedMs ?? 0, release: () => {} });
    return { name, file, etag: options.files.etagOf(blob, bytes), sha256 };
  }
  await blob.close();
  const file = await options.files.openPath(path);
  return file === null ? null : { name, file, etag: etagByDate(file), sha256 };
}

/** A file that belongs to no manifest: its tag is made of time and length, as web servers do. */
export function etagByDate({ modifiedMs, size }: OpenFile): string {
  return `"${Math.round(modifiedMs * 1000).toString(16)}-${size.toString(16)}"`;
}

export function watchLoader(
  options: BootAppOptions,
  { traceparent, ...machine }: Machine & { readonly traceparent?: string },
  loader: { readonly name: string; readonly bytes: number; readonly sha256: string | null },
): DownloadWatch {
  const { emit, clock } = options;
  const { name: file, bytes, sha256 } = loader;
  const startedAtMs = clock.now();
  return {
    started: ({ first }) => {
      if (first === 0) {
        const traced = traceparent === undefined ? {} : { traceparent };
        emit({ event: "loader-start", ...machine, file, protocol: "http", bytes, ...traced });
      }
    },
    progressed: progressOf(options, machine),
    done: ({ last }) => {
      if (last !== bytes - 1) return;
      const durationMs = Math.round(clock.now() - startedAtMs);
      const transfer = { file, protocol: "http", bytes, durationMs, retransmissions: 0 } as const;
      emit({ event: "loader-done", ...machine, ...transfer, sha256 });
    },
    aborted: ({ first, last }, bytesSent) => {
      emit({ event: "download-aborted", ...machine, file, bytesSent, bytes: last - first + 1 });
    },
  };
}
