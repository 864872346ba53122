import { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { BlobSource } from "../../../lib/blob.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import type { Machine } from "../../../events/types.ts";
import {
  type BootAppOptions,
  machineOf,
  nodeOf,
  refusalOf,
  refuse,
  refuseUnknown,
} from "../context.ts";
import { sendFile, type TransferWatch } from "../file-reply.ts";
import { isBareName } from "../../../lib/bare-name.ts";
import { contentTypeOf } from "../media-type.ts";
import { openFile, type OpenFile } from "../files.ts";

const namedParams = z.object({ name: z.string() });
const machineParams = z.object({ mac: z.string(), name: z.string() });

/** Loaders for UEFI HTTP boot, whose URL names the machine, and by hand. */
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
  const { name, mac } = wanted;
  const machine = machineOf(options, request, mac);
  const denial = loaderDenial(options, machine);
  if (denial !== null) {
    const reason = `this machine may not boot from here: ${denial}`;
    return refuse(options, request, reply, { status: 403, reason, mac });
  }
  const opened = await openLoader(options, name);
  if (opened === null) {
    return refuse(options, request, reply, { status: 404, reason: "not found", mac });
  }
  const headers = { etag: etagOf(opened), contentType: contentTypeOf(name) };
  const watch = watchLoader(options, machine, { name, bytes: opened.size });
  return sendFile(request, reply, opened, headers, watch);
}

/** Policy holds for every way to a loader, as far as it is known who asks. */
function loaderDenial(options: BootAppOptions, machine: Machine): string | null {
  if (machine.mac === null) return null;
  const boot = options.sessions.latest(machine);
  const smbios = { uuid: boot?.uuid ?? null, serial: boot?.serial ?? null };
  return refusalOf(options, nodeOf(options, machine, smbios));
}

async function openLoader(options: BootAppOptions, name: string): Promise<OpenFile | null> {
  const loader = isBareName(name) ? await options.loaders.find(name) : null;
  if (loader === null) return null;
  const { blob, path, modifiedMs } = loader;
  if (path === null) {
    return {
      size: blob.size,
      modifiedMs: modifiedMs ?? 0,
      stream: (first, last) => new PartOfBlob(blob, first, last),
      close: () => blob.close(),
    };
  }
  await blob.close();
  return openFile(path);
}

/** The bytes from `first` to `last`, both included, of what is in memory. */
class PartOfBlob extends Readable {
  bytesRead = 0;
  readonly #bytes: () => Uint8Array | Promise<Uint8Array>;

  constructor(blob: BlobSource, first: number, last: number) {
    super();
    this.#bytes = () => blob.read(first, last - first + 1);
  }

  override async _read(): Promise<void> {
    const bytes = await this.#bytes();
    this.bytesRead = bytes.length;
    this.push(bytes);
    this.push(null);
  }
}

/** Loaders belong to no manifest: their tag is made of time and length, as web servers do. */
function etagOf(file: OpenFile): string {
  return `"${Math.round(file.modifiedMs * 1000).toString(16)}-${file.size.toString(16)}"`;
}

function watchLoader(
  { emit, clock, sessions }: BootAppOptions,
  machine: Machine,
  loader: { readonly name: string; readonly bytes: number },
): TransferWatch {
  const { name: file, bytes } = loader;
  const startedAtMs = clock.now();
  return {
    started: ({ first }) => {
      if (first === 0) {
        emit({ event: "loader-start", ...machine, file, protocol: "http", bytes });
      }
    },
    moved: () => sessions.progress(machine, clock.now()),
    done: ({ last }) => {
      if (last !== bytes - 1) return;
      const durationMs = Math.round(clock.now() - startedAtMs);
      const transfer = { file, protocol: "http", bytes, durationMs, retransmissions: 0 } as const;
      emit({ event: "loader-done", ...machine, ...transfer });
    },
    aborted: ({ first, last }, bytesSent) => {
      emit({ event: "download-aborted", ...machine, file, bytesSent, bytes: last - first + 1 });
    },
  };
}
