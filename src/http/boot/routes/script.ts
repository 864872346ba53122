import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { autoexecScript } from "../../../boot/script/autoexec.ts";
import { IDENTITY_QUERY } from "../../../boot/script/failure-report.ts";
import {
  type KernelTiming,
  rewriteScript,
  type ScriptRewrite,
} from "../../../boot/script/orchestrator-script.ts";
import { fillTemplate } from "../../../boot/script/template.ts";
import { type Stage } from "../../../timeline/stages.ts";
import { printable } from "../../../lib/bytes.ts";
import { InternalError, messageOf } from "../../../lib/errors.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import type { Machine } from "../../../events/types.ts";
import {
  type BootAppContext,
  type BootAppOptions,
  denialOf,
  machineOf,
  nodeOf,
  refuse,
  refuseDenied,
  refuseUnknown,
  sendText,
} from "../context.ts";
import type { Denial } from "../../../boot/policy.ts";
import { chainScript } from "../../../boot/script/chain.ts";
import { localBootScript } from "../../../boot/script/local-boot.ts";
import { baseUrlFor } from "../peer.ts";
import type { ServedGeneration } from "../content.ts";
import { readSerial, readUuid } from "../smbios.ts";

const macParams = z.object({ mac: z.string() });
const word = z.string().max(256).optional().catch(undefined);
/** What scripts add to the URL. Nothing here is needed, so nothing here is an error. */
const identityQuery = z.object({ mac: word, uuid: word, serial: word });

// iPXE (http_parse_retry_after) waits so long and asks again by itself, as often as it takes: a
// machine that is switched on before the first synchronisation boots as soon as that is done.
const retryAfterSeconds = 10;

/** The stages before the script that tell where the time of a boot goes. */
const timedStages: ReadonlySet<Stage> = new Set(["discover", "loader-start", "loader-done"]);

/** `/boot.ipxe`, `/<mac>/boot.ipxe` and `autoexec.ipxe` wherever iPXE looks for it. */
export function scriptRoutes(app: FastifyInstance, options: BootAppContext): void {
  app.route({
    method: ["GET", "HEAD"],
    url: "/boot.ipxe",
    handler: (request, reply) => sendBootScript(options, request, reply, null),
  });
  app.route({
    method: ["GET", "HEAD"],
    url: "/:mac/boot.ipxe",
    handler: (request, reply) => {
      const mac = macOf(request);
      return mac === null
        ? refuseUnknown(options, request, reply)
        : sendBootScript(options, request, reply, mac);
    },
  });
  // iPXE looks beside the file that it was loaded from, then at the root.
  for (const url of ["/autoexec.ipxe", "/loaders/autoexec.ipxe", "/:mac/autoexec.ipxe"]) {
    app.route({
      method: ["GET", "HEAD"],
      url,
      handler: (request, reply) => sendAutoexec(options, request, reply),
    });
  }
}

function macOf(request: FastifyRequest): Mac | null {
  const params = macParams.safeParse(request.params);
  return params.success ? parseMac(params.data.mac) : null;
}

/** The boot script for the machine with that MAC, else for the one that the query or the address tells. */
export async function sendBootScript(
  options: BootAppContext,
  request: FastifyRequest,
  reply: FastifyReply,
  pathMac: Mac | null,
): Promise<FastifyReply> {
  const query = identityQuery.parse(request.query);
  const mac = pathMac ?? (query.mac === undefined ? null : parseMac(query.mac));
  const uuid = readUuid(query.uuid);
  const serial = readSerial(query.serial);
  const machine = machineOf(options, request, mac);
  const node = nodeOf(options, machine, { uuid, serial });
  const serialIsKnown = query.serial !== undefined;
  const denial = denialOf(options, machine, node, serialIsKnown);
  if (denial !== null) return sendOn(options, request, reply, denial, mac);
  if (node === null && !serialIsKnown && options.policy.isUndecided?.(machine.mac) === true) {
    return askForSerial(options, request, reply);
  }
  const script = await scriptFor(options, request, machine, node);
  if (script.kind === "unavailable") {
    if (script.status === 503) reply.header("retry-after", retryAfterSeconds);
    return refuse(options, request, reply, { status: script.status, reason: script.reason, mac });
  }
  if (request.method === "GET") {
    const { generation } = script;
    options.emit({ event: "script", ...machine, uuid, serial, generation });
  }
  return sendText(reply, 200, script.text);
}

/** A machine that may not boot from here goes on to its disk. */
function sendOn(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  denial: Denial,
  mac: Mac | null,
): FastifyReply {
  // Offered nothing, it came all the same. iPXE would only fail; a person is told why.
  const isIpxe = request.headers["user-agent"]?.startsWith("iPXE/") === true;
  const way = denial.way === "silent" && denial.isAuto && isIpxe ? "exit" : denial.way;
  if (way === "silent" || way === "not-found") {
    return refuseDenied(options, request, reply, denial, mac);
  }
  if (request.method === "GET") {
    const reason = printable(denial.reason, 256);
    options.emit({ event: "local-boot", ...machineOf(options, request, mac), way, reason });
  }
  return sendText(reply, 200, localBootScript(way, denial.reason));
}

/** Which entry it matches is decided by its serial number, which only iPXE knows: it asks again with that. */
function askForSerial(
  options: BootAppContext,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const baseUrl = baseUrlFor(request, options.baseUrls);
  if (baseUrl === null) {
    const reason = "the connection is gone";
    return refuse(options, request, reply, { status: 503, reason });
  }
  const path = request.url.replace(/\?.*$/, "");
  const url = `${baseUrl}${path}?${IDENTITY_QUERY}`;
  return sendText(reply, 200, chainScript(url, `${baseUrl}/events`));
}

type ScriptOutcome =
  | { readonly kind: "script"; readonly text: string; readonly generation: string | null }
  | { readonly kind: "unavailable"; readonly status: 500 | 503; readonly reason: string };

interface ScriptNode {
  readonly scriptUrl: string | null;
  readonly kernelArgs: readonly string[];
}

async function scriptFor(
  options: BootAppContext,
  request: FastifyRequest,
  machine: Machine,
  node: ScriptNode | null,
): Promise<ScriptOutcome> {
  const baseUrl = baseUrlFor(request, options.baseUrls);
  if (baseUrl === null) {
    return { kind: "unavailable", status: 503, reason: "the connection is gone" };
  }
  if (node !== null && node.scriptUrl !== null) {
    const text = chainScript(node.scriptUrl, `${baseUrl}/events`);
    return { kind: "script", text, generation: null };
  }
  const { script } = options;
  const generation = options.generations.current();
  const needsMicroOs =
    script.kind === "mirror" || (script.kind === "template" && script.needsMicroOs);
  if (generation === null && needsMicroOs) {
    const reason =
      "nothing to boot is here yet: no synchronisation with the orchestrator has succeeded. " +
      "Look at event sync-failed in the log, or run: eim-pxe sync";
    return { kind: "unavailable", status: 503, reason };
  }
  const how = {
    downloadUrl: `${baseUrl}/artifacts`,
    eventsUrl: `${baseUrl}/events`,
    kernelArgs: [...options.kernelArgs, ...(node?.kernelArgs ?? [])],
    timings: timingsOf(options, machine),
  };
  try {
    const text = await scriptText(options, generation, { ...how, baseUrl });
    const from = script.kind === "loader" ? null : (generation?.id ?? null);
    return { kind: "script", text, generation: from };
  } catch (thrown) {
    const reason = `the boot script cannot be made: ${printable(messageOf(thrown), 512)}`;
    return { kind: "unavailable", status: 500, reason };
  }
}

async function scriptText(
  { script, files, scripts }: BootAppContext,
  generation: ServedGeneration | null,
  how: ScriptRewrite & { readonly baseUrl: string; readonly eventsUrl: string },
): Promise<string> {
  switch (script.kind) {
    case "loader":
      return chainScript(
        `${how.baseUrl}/loaders/${encodeURIComponent(script.name)}`,
        how.eventsUrl,
      );
    case "template":
      return fillTemplate(await files.readNow(script.path), {
        ...how,
        generation: generation?.id ?? null,
      });
    case "mirror":
      if (generation === null) throw new InternalError("a script without a generation");
      return rewriteScript(await scripts.of(generation), how);
  }
}

/** When the stages of this boot were reached so far, for the orchestrator's own statistics. */
function timingsOf({ sessions, clock }: BootAppOptions, machine: Machine): KernelTiming[] {
  const nowMs = clock.now();
  const at = (atMs: number) => Math.floor((clock.wall() - (nowMs - atMs)) / 1000);
  const steps = sessions.latest(machine)?.steps ?? [];
  const reached = steps
    .filter(({ stage }) => timedStages.has(stage))
    .map(({ stage, firstAtMs }) => ({ name: stage, unixSeconds: at(firstAtMs) }));
  return [...reached, { name: "script", unixSeconds: at(nowMs) }];
}

function sendAutoexec(
  options: BootAppContext,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const baseUrl = options.autoexec ? baseUrlFor(request, options.baseUrls) : null;
  if (baseUrl === null) return refuseUnknown(options, request, reply);
  if (request.method === "GET") {
    const machine = machineOf(options, request, macOf(request));
    options.emit({ event: "autoexec", ...machine, file: "autoexec.ipxe", protocol: "http" });
  }
  return sendText(
    reply,
    200,
    autoexecScript({ bootUrl: `${baseUrl}/boot.ipxe`, eventsUrl: `${baseUrl}/events` }),
  );
}
