import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { NodeEntry } from "../../../boot/node.ts";
import { admissionOf } from "../../../boot/policy.ts";
import { isoArguments } from "../../../boot/script/iso-arguments.ts";
import { printable } from "../../../lib/bytes.ts";
import { messageOf } from "../../../lib/errors.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import { provedIdentity } from "../../../timeline/claims.ts";
import type { DownloadWatch } from "../../files/download.ts";
import type { OpenFile } from "../../files/open-file.ts";
import { PatchedFile } from "../../files/patched-file.ts";
import { type BootAppOptions, refuseUnknown, sendText } from "../context.ts";
import type { ServedIso } from "../content.ts";
import { sendFile } from "../file-reply.ts";
import { baseUrlOf, machineAddress } from "../peer.ts";

/**
 * `/iso/<mac>/<any name>.iso`: an image with this machine's kernel arguments in its placeholder, for a BMC that boots
 * from a URL. It is the BMC that asks, from an address of its own: nothing is learnt of the machine's.
 */
export function isoRoutes(app: FastifyInstance, options: BootAppOptions, iso: ServedIso): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/iso/*",
    handler: (request, reply) => {
      const [name = "", folder = ""] = request.url.replace(/\?.*$/s, "").split("/").toReversed();
      if (!name.toLowerCase().endsWith(".iso")) return refuseUnknown(options, request, reply);
      const mac = macIn(folder);
      if (mac === null) {
        const reason = "the part of the path before the image must be the machine's MAC address";
        return refuse(options, request, reply, { status: 400, reason, mac: null });
      }
      return sendIso(options, iso, request, reply, { mac, name });
    },
  });
}

async function sendIso(
  options: BootAppOptions,
  iso: ServedIso,
  request: FastifyRequest,
  reply: FastifyReply,
  { mac, name }: { readonly mac: Mac; readonly name: string },
): Promise<FastifyReply> {
  const no = (status: number, reason: string) =>
    refuse(options, request, reply, { status, reason, mac });
  const smbios = provedIdentity(options.sessions.latest({ mac, address: null }));
  const node = options.findNode({ mac, ...smbios });
  const denial = admissionOf(mac, node, options.policy, smbios.serial !== null);
  if (denial !== null) return no(403, `this machine may not boot from here: ${denial.reason}`);
  const source = node?.isoUrl ?? iso.source;
  if (source === null) {
    return no(400, "no image is named for this machine: set iso.source, or isoUrl in its entry");
  }
  const baseUrl = baseUrlOf(request, options);
  if (baseUrl === null) return no(503, "the connection is gone");
  const text = textFor(options, iso, { mac, node, baseUrl });
  const room = Buffer.byteLength(iso.placeholder);
  if (Buffer.byteLength(text) > room) {
    return no(
      500,
      `the kernel arguments of this machine have ${Buffer.byteLength(text)} bytes, and the image's placeholder has room for ${room}: shorten boot.kernelArgs or its entry's`,
    );
  }
  let opened: OpenFile | null;
  try {
    opened = await openSource(options, iso, source);
  } catch (error) {
    return no(502, `the image cannot be read: ${printable(messageOf(error), 512)}`);
  }
  if (opened === null) return no(502, `there is no image at ${source}`);
  const file = new PatchedFile(opened, Buffer.from(iso.placeholder), Buffer.from(text));
  return sendFile(request, reply, {
    file,
    etag: etagOf(opened, text),
    contentType: "application/octet-stream",
    turns: options.files.turns,
    watch: watchIso(options, mac, { name, bytes: file.size }),
    machine: { address: machineAddress(request, options) },
    queued: null,
  });
}

function textFor(
  { kernelArgs }: BootAppOptions,
  { hook, staticAddresses }: ServedIso,
  { mac, node, baseUrl }: { mac: Mac; node: NodeEntry | null; baseUrl: string },
): string {
  return isoArguments(hook, {
    mac,
    node,
    baseUrl,
    kernelArgs: [...kernelArgs, ...(node?.kernelArgs ?? [])],
    staticAddress: staticAddresses,
  });
}

function openSource(
  { files }: BootAppOptions,
  { remote }: ServedIso,
  source: string,
): Promise<OpenFile | null> {
  return /^https?:\/\//.test(source) ? remote.open(source) : files.openPath(source);
}

/** Strong: another image, or other arguments, have another one. */
function etagOf({ modifiedMs, size }: OpenFile, text: string): string {
  const hash = createHash("sha256").update(`${modifiedMs} ${size}\n${text}`).digest("hex");
  return `"${hash}"`;
}

/** A BMC reads the image in hundreds of parts; that it begins is all there is to say. */
function watchIso(
  { emit }: BootAppOptions,
  mac: Mac,
  { name, bytes }: { readonly name: string; readonly bytes: number },
): DownloadWatch {
  return {
    started: ({ first }) => {
      if (first !== 0) return;
      emit({ event: "iso-start", mac, address: null, file: printable(name, 128), bytes });
    },
    progressed: () => {},
    done: () => {},
    aborted: () => {},
  };
}

function macIn(folder: string): Mac | null {
  try {
    return parseMac(decodeURIComponent(folder));
  } catch {
    return null;
  }
}

/** Whoever asks is not the machine: its address is not noted. */
function refuse(
  { emit }: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  { status, reason, mac }: { readonly status: number; readonly reason: string; mac: Mac | null },
): FastifyReply {
  const path = printable(request.url);
  emit({ event: "http-refused", mac, address: null, path, status, reason: printable(reason, 256) });
  return sendText(reply, status, `${reason}\n`);
}
