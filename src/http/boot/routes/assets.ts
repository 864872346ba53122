import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { sha256Of } from "../../../lib/bytes.ts";
import { z } from "zod";
import type { Machine } from "../../../events/types.ts";
import { errnoOf } from "../../../lib/errors.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import type { DownloadWatch } from "../../files/download.ts";
import type { MadeText, ServedAsset, ServedAssets } from "../content.ts";
import {
  type BootAppOptions,
  knownDenialOf,
  machineOf,
  refuse,
  refuseDenied,
  refuseUnknown,
  sendText,
} from "../context.ts";
import { sendFile } from "../file-reply.ts";
import { contentTypeOf } from "../media-type.ts";
import { progressOf } from "../progress.ts";
import { etagByDate, watchLoader } from "./loaders.ts";
import { sendAutoexec } from "./script.ts";

const rest = z.object({ "*": z.string() });

/** `/assets/…`: the files of the site's own folder, by the names that they have there. */
export function assetRoutes(app: FastifyInstance, options: BootAppOptions): void {
  const { assets = null } = options;
  if (assets === null) return;
  app.route({
    method: ["GET", "HEAD"],
    url: "/assets/*",
    handler: (request, reply) => {
      const name = rest.parse(request.params)["*"];
      return sendAsset(options, assets, request, reply, name);
    },
  });
}

async function sendAsset(
  options: BootAppOptions,
  assets: ServedAssets,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
): Promise<FastifyReply> {
  const mac = macIn(name);
  const machine = machineOf(options, request, mac);
  const denial = knownDenialOf(options, machine);
  const found = await assets.find(name, machine);
  if (found?.kind === "config" && (found.sendsOn ?? null) !== null) {
    return sendMade(options, request, reply, { made: found, machine });
  }
  if (denial !== null) return refuseDenied(options, request, reply, denial, mac);
  if (found === null) {
    // Loaders may lie in any folder.
    return name.endsWith("/autoexec.ipxe")
      ? sendAutoexec(options, request, reply, mac)
      : refuseUnknown(options, request, reply);
  }
  const unserved = (why: string): FastifyReply => {
    const reason = `${found.name} is there and is not served: ${why}`;
    return refuse(options, request, reply, { status: 404, reason, text: "not found", mac });
  };
  if (found.kind === "unserved") return unserved(found.why);
  if (found.kind !== "file") return sendMade(options, request, reply, { made: found, machine });
  try {
    const file = await options.files.openWithin(found.folder, found.path);
    if (file === null) return refuseUnknown(options, request, reply);
    const { turns } = options.files;
    const watch = watchAsset(options, machine, found, file.size);
    const contentType = contentTypeOf(found.name);
    const answer = { file, etag: etagByDate(file), contentType, turns, watch, machine };
    return sendFile(request, reply, { ...answer, queued: null });
  } catch (thrown) {
    const code = errnoOf(thrown);
    if (code !== "EACCES" && code !== "EPERM") throw thrown;
    return unserved("this user may not read it");
  }
}

function sendMade(
  { emit }: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  { made, machine }: { readonly made: MadeText; readonly machine: Machine },
): FastifyReply {
  const { name: file, text, generation = null, sendsOn = null } = made;
  if (request.method === "GET") {
    if (sendsOn !== null) emit({ event: "local-boot", ...machine, ...sendsOn });
    else if (made.kind === "config") {
      const unknown = { uuid: null, serial: null };
      emit({ event: "script", ...machine, ...unknown, generation, file, sha256: sha256Of(text) });
    } else {
      const how = {
        protocol: "http",
        bytes: text.length,
        durationMs: 0,
        retransmissions: 0,
        sha256: sha256Of(text),
      } as const;
      emit({ event: "asset-sent", ...machine, file, ...how });
    }
  }
  if (request.method === "HEAD") return sendText(reply, 200, text);
  // As files are: GRUB before 2.12 knows no other spelling of the length.
  reply.hijack();
  reply.raw.writeHead(200, {
    "cache-control": "no-store",
    "content-type": "text/plain; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
  });
  reply.raw.end(text);
  return reply;
}

/** The machine whose folder a name begins with. */
function macIn(name: string): Mac | null {
  const [first = "", ...others] = name.split("/");
  return others.length === 0 ? null : parseMac(first);
}

function watchAsset(
  options: BootAppOptions,
  machine: Machine,
  { name: file, content, generation = null, sha256 = null }: ServedAsset,
  bytes: number,
): DownloadWatch {
  if (content === "loader") return watchLoader(options, machine, { name: file, bytes, sha256 });
  const { emit, clock } = options;
  let startedAtMs = clock.now();
  return {
    started: ({ first }) => {
      startedAtMs = clock.now();
      // A range further on is the same download going on.
      if (content === "other" || first !== 0) return;
      const event = content === "kernel" ? "kernel" : "initramfs-start";
      emit({ event, ...machine, file, bytes, generation });
    },
    progressed: progressOf(options, machine),
    done: ({ last }) => {
      if (last !== bytes - 1) return;
      const durationMs = Math.round(clock.now() - startedAtMs);
      if (content === "other") {
        const how = { protocol: "http", bytes, durationMs, retransmissions: 0, sha256 } as const;
        emit({ event: "asset-sent", ...machine, file, ...how });
      } else {
        const event = content === "kernel" ? "kernel-done" : "initramfs-done";
        emit({ event, ...machine, file, bytes, durationMs, sha256 });
      }
    },
    aborted: ({ first, last }, bytesSent) => {
      emit({ event: "download-aborted", ...machine, file, bytesSent, bytes: last - first + 1 });
    },
  };
}
