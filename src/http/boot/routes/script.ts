import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { isUnknown } from "../../../boot/node.ts";
import { autoexecScript } from "../../../boot/script/autoexec.ts";
import { IDENTITY_QUERY } from "../../../boot/script/failure-report.ts";
import { syslogServerAt } from "../../../boot/script/syslog.ts";
import { formatTraceparent, parseTraceparent } from "../../../boot/trace-context.ts";
import { printable, sha256Of } from "../../../lib/bytes.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import {
  type BootAppContext,
  type BootAppOptions,
  denialOf,
  knownUuid,
  machineOf,
  nodeOf,
  refuse,
  refuseDenied,
  refuseUnknown,
  sendText,
} from "../context.ts";
import type { Denial } from "../../../boot/policy.ts";
import { firmwareKindOf } from "../../../timeline/rules.ts";
import { chainScript } from "../../../boot/script/chain.ts";
import { cannotEnd, localBootScript } from "../../../boot/script/local-boot.ts";
import { baseUrlOf } from "../peer.ts";
import { readSerial, readUuid } from "../smbios.ts";

const macParams = z.object({ mac: z.string() });
const word = z.string().max(256).optional().catch(undefined);
/** What scripts add to the URL. Nothing here is needed, so nothing here is an error. */
const identityQuery = z.object({ mac: word, uuid: word, serial: word });

// iPXE (http_parse_retry_after) waits so long and asks again by itself, as often as it takes: a
// machine that is switched on before the first synchronisation boots as soon as that is done.
const retryAfterSeconds = 10;

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
      handler: (request, reply) => sendAutoexec(options, request, reply, macOf(request)),
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
  if (denial !== null) return sendOn(options, request, reply, { denial, mac, uuid, serial });
  if (isUnknown(node) && !serialIsKnown && options.policy.isUndecided?.(machine.mac) === true) {
    return askForSerial(options, request, reply);
  }
  const baseUrl = baseUrlOf(request, options);
  // SMEE's scripts join a trace so.
  const trace = parseTraceparent(String(request.headers["traceparent"] ?? ""));
  const script = await options.scripts.of({
    machine,
    trace,
    uuid: uuid ?? knownUuid(options, machine),
    node,
    baseUrl,
  });
  if (script.kind === "unavailable") {
    if (script.status === 503) reply.header("retry-after", retryAfterSeconds);
    return refuse(options, request, reply, { status: script.status, reason: script.reason, mac });
  }
  if (request.method === "GET") {
    const { generation } = script;
    const traced = trace === null ? {} : { traceparent: formatTraceparent(trace) };
    const sha256 = sha256Of(script.text);
    options.emit({ event: "script", ...machine, uuid, serial, generation, ...traced, sha256 });
  }
  return sendText(reply, 200, script.text);
}

/** A machine that may not boot from here goes on to its disk. */
function sendOn(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  told: {
    readonly denial: Denial;
    readonly mac: Mac | null;
    readonly uuid: string | null;
    readonly serial: string | null;
  },
): FastifyReply {
  const { denial, mac, uuid, serial } = told;
  // Offered nothing, it came all the same; or it was offered iPXE to tell its serial number. iPXE would
  // only fail, and its scripts try again; a person is told why.
  const userAgent = request.headers["user-agent"] ?? "";
  const isIpxe = userAgent.startsWith("iPXE/");
  const { mac: known } = machineOf(options, request, mac);
  const isOffered = options.smee === null && options.policy.isUndecided?.(known) === true;
  const way =
    denial.way === "silent" && (denial.isAuto || isOffered) && isIpxe ? "exit" : denial.way;
  if (way === "silent" || way === "not-found") {
    return refuseDenied(options, request, reply, denial, mac, { uuid, serial });
  }
  const machine = machineOf(options, request, mac);
  const boot = options.sessions.latest(machine);
  const hasLoaded = boot?.steps.some(({ stage }) => stage === "loader-done") === true;
  const loader = hasLoaded ? userAgent : null;
  if (request.method === "GET") {
    const reason = printable(denial.reason, 256);
    const restarts = boot !== null && firmwareKindOf(boot) !== "bios" && cannotEnd(loader);
    const how = restarts ? { restarts } : {};
    options.emit({ event: "local-boot", ...machine, way, reason, uuid, serial, ...how });
  }
  return sendText(reply, 200, localBootScript(way, denial.reason, loader));
}

/** Which entry it matches is decided by its serial number, which only iPXE knows: it asks again with that. */
function askForSerial(
  options: BootAppContext,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const baseUrl = baseUrlOf(request, options);
  if (baseUrl === null) {
    const reason = "the connection is gone";
    return refuse(options, request, reply, { status: 503, reason });
  }
  const path = request.url.replace(/\?.*$/, "");
  const url = `${baseUrl}${path}?${IDENTITY_QUERY}`;
  return sendText(reply, 200, chainScript(url, `${baseUrl}/events`));
}

/** The script that a modern iPXE looks for beside its loader, wherever that is. `mac`: of whom the URL is. */
export function sendAutoexec(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  mac: Mac | null,
): FastifyReply {
  const baseUrl = options.autoexec ? baseUrlOf(request, options) : null;
  if (baseUrl === null) return refuseUnknown(options, request, reply);
  const urls = { bootUrl: `${baseUrl}/boot.ipxe`, eventsUrl: `${baseUrl}/events` };
  const syslog = options.syslog ? syslogServerAt(baseUrl) : null;
  const text = autoexecScript({ ...urls, syslog });
  if (request.method === "GET") {
    const about = { ...machineOf(options, request, mac), sha256: sha256Of(text) };
    options.emit({ event: "autoexec", ...about, file: "autoexec.ipxe", protocol: "http" });
  }
  return sendText(reply, 200, text);
}
