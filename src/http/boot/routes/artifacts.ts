import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Ip4 } from "../../../lib/ip4.ts";
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
import { type QueuedDownload, sendFile } from "../file-reply.ts";
import { isBareName } from "../../../lib/bare-name.ts";
import { contentTypeOf } from "../media-type.ts";
import { etagByDate } from "./loaders.ts";
import { progressOf } from "../progress.ts";
import type { ServedFile } from "../content.ts";

const fileParams = z.object({ file: z.string() });

/** The files of the generation that a machine's boot began with. */
export function artifactRoutes(app: FastifyInstance, options: BootAppOptions): void {
  for (const folder of ["", "keys/"]) {
    app.route({
      method: ["GET", "HEAD"],
      url: `/artifacts/${folder}:file`,
      handler: (request, reply) => {
        const { file } = fileParams.parse(request.params);
        return isBareName(file)
          ? sendArtifact(options, request, reply, `${folder}${file}`)
          : refuseUnknown(options, request, reply);
      },
    });
  }
}

async function sendArtifact(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
): Promise<FastifyReply> {
  const machine = machineOf(options, request, null);
  const denial = knownDenialOf(options, machine);
  if (denial !== null) return refuseDenied(options, request, reply, denial, null);
  const artifact = findArtifact(options, machine.address, name);
  if (artifact === null) return sendSignature(options, request, reply, { name, machine });
  const { file, generation } = artifact;
  const opened = await options.files.open(file);
  // The entity tag promises the bytes of the manifest.
  if (opened === null) {
    const reason = `${name} of generation ${generation} was changed or removed on disk; run: eim-pxe sync`;
    return refuse(options, request, reply, { status: 500, reason });
  }
  const isMirror = isOfMirror(request.headers["user-agent"]);
  const watch = isMirror ? unwatched : watchArtifact(options, machine, artifact);
  const queued = isMirror ? null : queuedArtifact(options, machine, artifact);
  const { turns } = options.files;
  const { sha256 } = file;
  const contentType = contentTypeOf(name);
  const etag = `"${sha256}"`;
  const answer = { file: opened, etag, contentType, turns, watch, machine, queued };
  return sendFile(request, reply, answer);
}

/** The signature beside a file, of the same generation as the file is: made by `eim-pxe artifacts sign`. */
async function sendSignature(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  { name, machine }: { readonly name: string; readonly machine: Machine },
): Promise<FastifyReply> {
  const signed = name.endsWith(SIGNATURE)
    ? findArtifact(options, machine.address, name.slice(0, -SIGNATURE.length))
    : null;
  const file =
    signed === null ? null : await options.files.openPath(`${signed.file.path}${SIGNATURE}`);
  if (file === null) return refuseUnknown(options, request, reply);
  const { turns } = options.files;
  const contentType = "application/pkcs7-signature";
  const how = { contentType, turns, watch: unwatched, machine, queued: null };
  return sendFile(request, reply, { file, etag: etagByDate(file), ...how });
}

const SIGNATURE = ".sig";

/** What is smaller takes no longer than waiting would. */
const queuedFromBytes = 1024 * 1024;

/** Whether machines may have to wait for one another with this file. */
export function waitsInQueue({ files: { queue } }: BootAppOptions, { size }: ServedFile): boolean {
  return queue !== null && size >= queuedFromBytes;
}

/** Null where nobody waits for anybody. */
function queuedArtifact(
  options: BootAppOptions,
  machine: Machine,
  { name: file, file: served }: ServedArtifact,
): QueuedDownload | null {
  const { sessions, emit, clock } = options;
  const { queue } = options.files;
  if (queue === null || !waitsInQueue(options, served)) return null;
  return {
    queue,
    isLastFile: stageOf(file) === "initramfs-start",
    waits: (ahead) => {
      // It stands in line, it does not stand still; and the generation that it boots from stays.
      sessions.progress(machine, clock.now());
      emit({ event: "download-waiting", ...machine, file, ahead });
    },
    admitted: (waitedMs) => {
      emit({ event: "download-admitted", ...machine, file, waitedMs: Math.round(waitedMs) });
    },
  };
}

/** Another eim-pxe that mirrors from here, which boots nothing. */
export function isOfMirror(userAgent: string | null | undefined): boolean {
  return userAgent === "eim-pxe";
}

/** A file of a generation, by the name that it has there. */
export interface ServedArtifact {
  readonly name: string;
  readonly file: ServedFile;
  readonly generation: string;
}

/** From the generation that the address boots from while that is kept, else from the current one. */
export function findArtifact(
  { generations, sessions, clock }: BootAppOptions,
  address: Ip4 | null,
  name: string,
): ServedArtifact | null {
  const held = sessions.generationFor(address, clock.now());
  const candidates = [held === null ? null : generations.get(held), generations.current()];
  for (const generation of candidates) {
    const file = generation?.file(name) ?? null;
    if (generation !== null && file !== null) return { name, file, generation: generation.id };
  }
  return null;
}

/** Another eim-pxe that mirrors from here boots nothing. */
const unwatched: DownloadWatch = {
  started: () => {},
  progressed: () => {},
  done: () => {},
  aborted: () => {},
};

export function watchArtifact(
  options: BootAppOptions,
  machine: Machine,
  { name: file, file: { size: bytes, sha256 }, generation }: ServedArtifact,
): DownloadWatch {
  const { emit, clock } = options;
  const stage = stageOf(file);
  let startedAtMs = clock.now();
  return {
    started: ({ first }) => {
      startedAtMs = clock.now();
      // A range further on is the same download going on.
      if (stage !== null && first === 0) {
        emit({ event: stage, ...machine, file, bytes, generation });
      }
    },
    progressed: progressOf(options, machine),
    done: ({ last }) => {
      if (stage === null || last !== bytes - 1) return;
      const durationMs = Math.round(clock.now() - startedAtMs);
      const event = stage === "kernel" ? "kernel-done" : "initramfs-done";
      emit({ event, ...machine, file, bytes, durationMs, sha256 });
    },
    aborted: ({ first, last }, bytesSent) => {
      emit({ event: "download-aborted", ...machine, file, bytesSent, bytes: last - first + 1 });
    },
  };
}

/** The stage that asking for a file is: the orchestrator names them `vmlinuz-x86_64` and `initramfs-x86_64`. */
function stageOf(name: string): "kernel" | "initramfs-start" | null {
  if (/^(vmlinuz|kernel)/.test(name)) return "kernel";
  return name.startsWith("initramfs") ? "initramfs-start" : null;
}
