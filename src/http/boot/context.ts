import type { FastifyReply, FastifyRequest } from "fastify";
import type { FindNode, NodeEntry } from "../../boot/node.ts";
import { isOptionalFile } from "../../boot/optional-files.ts";
import { admissionOf, type BootPolicy, type Denial } from "../../boot/policy.ts";
import type { ImageTrustSetting } from "../../boot/script/image-trust.ts";
import { provedIdentity } from "../../timeline/claims.ts";
import type { HookSettings } from "../../boot/script/hook-script.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { SmeeFlavour } from "../../boot/smee-layout.ts";
import { printable } from "../../lib/bytes.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Emit, Machine } from "../../events/types.ts";
import type { Files } from "../files/files.ts";
import { machineAddress, type Reached } from "./peer.ts";
import type { BootScripts } from "./boot-scripts.ts";
import type { ServedAssets, ServedGenerations, ServedIso, ServedLoaders } from "./content.ts";

/** What a machine gets in which iPXE runs, unless its node entry names another script. */
export type BootScript =
  /** The orchestrator's, rewritten. */
  | { readonly kind: "mirror" }
  /** A file of the site's own; read at each request, so that a change holds at once. */
  | { readonly kind: "template"; readonly path: string; readonly needsMicroOs: boolean }
  /** The one for Tinkerbell's HookOS. */
  | { readonly kind: "hook"; readonly settings: HookSettings }
  /** One that does nothing but run the script at this URL, with `{mac}` and `{uuid}` in it. */
  | { readonly kind: "elsewhere"; readonly url: string }
  /** One that does nothing but start this loader. */
  | { readonly kind: "loader"; readonly name: string };

/** What the boot port works with. Everything is asked anew for each request, so it may change under it. */
export interface BootAppOptions extends Reached {
  readonly generations: ServedGenerations;
  readonly loaders: ServedLoaders;
  /** Null or absent: `/assets/` is not served. */
  readonly assets?: ServedAssets | null;
  /** Shared by all addresses. */
  readonly files: Files;
  readonly sessions: BootSessions;
  readonly findNode: FindNode;
  readonly policy: BootPolicy;
  readonly script: BootScript;
  /** Whether iPXE is to check signatures; absent: it is not. */
  readonly imgverify?: ImageTrustSetting;
  /** Appended to the kernel line of every machine, before the node's own. */
  readonly kernelArgs: readonly string[];
  /** Whether `autoexec.ipxe` is served: not when the orchestrator's own loader goes its own way. */
  readonly autoexec: boolean;
  /** Whether iPXE's log is taken at our addresses. */
  readonly syslog: boolean;
  /** By an address of ours, the base URL to write into scripts where `http://ADDRESS:PORT` would be wrong. */
  readonly baseUrls: ReadonlyMap<Ip4, string>;
  /** Images for BMCs; null or absent: there are none. */
  readonly iso?: ServedIso | null;
  /** Serve SMEE's URLs too; null: only our own. */
  readonly smee: SmeeFlavour | null;
  readonly emit: Emit;
  readonly clock: Clock;
}

/** The same, with what the port itself keeps. */
export interface BootAppContext extends BootAppOptions {
  readonly scripts: BootScripts;
}

/** The machine behind a request: by the MAC that it names, else the one that its address is known to belong to. */
export function machineOf(
  options: BootAppOptions,
  request: FastifyRequest,
  mac: Mac | null,
): Machine {
  const address = machineAddress(request, options);
  return { mac: mac ?? options.sessions.machineAt(address), address };
}

/** The node entry of a machine; with the UUID that it told in an earlier request of this boot, where it tells none now. */
export function nodeOf(
  options: BootAppOptions,
  machine: Machine,
  smbios: { readonly uuid: string | null; readonly serial: string | null },
): NodeEntry | null {
  const uuid = smbios.uuid ?? knownUuid(options, machine);
  // A machine whose MAC is not known can still match by UUID or serial number.
  return options.findNode({ mac: machine.mac ?? "", uuid, serial: smbios.serial });
}

/** The UUID that a machine told earlier in this boot. */
export function knownUuid({ sessions }: BootAppOptions, machine: Machine): string | null {
  return machine.mac === null ? null : provedIdentity(sessions.latest(machine)).uuid;
}

/** That the machine may not boot from here, or null when it may. */
export function denialOf(
  options: BootAppOptions,
  machine: Machine,
  node: NodeEntry | null,
  serialIsKnown = false,
): Denial | null {
  return admissionOf(machine.mac, node, options.policy, serialIsKnown);
}

/** The same for a request that tells nothing of the machine but, perhaps, its MAC; as far as the machine is known. */
export function knownDenialOf(options: BootAppOptions, machine: Machine): Denial | null {
  if (machine.mac === null) return null;
  const smbios = provedIdentity(options.sessions.latest(machine));
  const node = nodeOf(options, machine, smbios);
  return denialOf(options, machine, node, smbios.serial !== null);
}

/**
 * Refuses what would boot a machine that is to go on to its disk: 404 where the way is `not-found`, else 403.
 *
 * @param told what the request says of the machine
 */
export function refuseDenied(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  denial: Denial,
  mac: Mac | null,
  told: { readonly uuid: string | null; readonly serial: string | null } | null = null,
): FastifyReply {
  const { way } = denial;
  const reason = `this machine may not boot from here: ${denial.reason}`;
  if (way !== "not-found") return refuse(options, request, reply, { status: 403, reason, mac });
  const machine = machineOf(options, request, mac);
  const why = printable(denial.reason, 256);
  options.emit({ event: "local-boot", ...machine, way, reason: why, ...told });
  return refuse(options, request, reply, { status: 404, reason, text: "not found", mac });
}

/** Answers with plain text that is never kept by a cache. */
export function sendText(reply: FastifyReply, status: number, text: string): FastifyReply {
  return reply
    .code(status)
    .header("cache-control", "no-store")
    .type("text/plain; charset=utf-8")
    .send(text);
}

export interface Refusal {
  readonly status: number;
  /** For the log. */
  readonly reason: string;
  /** For the machine, where the reason is for the log only. */
  readonly text?: string;
  /** The machine that the request names. */
  readonly mac?: Mac | null;
}

/** Refuses a request with a line of text, and reports it. */
export function refuse(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
): FastifyReply {
  const machine = machineOf(options, request, refusal.mac ?? null);
  const path = printable(request.url);
  // A person with a browser looks for a start page.
  if (refusal.status === 404 && (path === "/" || isOptionalFile(path))) {
    options.emit({ event: "optional-file", ...machine, file: path, protocol: "http" });
  } else {
    const reason = printable(refusal.reason, 256);
    options.emit({ event: "http-refused", ...machine, path, status: refusal.status, reason });
  }
  return sendText(reply, refusal.status, `${refusal.text ?? refusal.reason}\n`);
}

export function refuseUnknown(
  options: BootAppOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const text =
    request.url === "/"
      ? "not found: this is the port that machines boot from; people ask the admin port (admin.listen)"
      : "not found";
  return refuse(options, request, reply, { status: 404, reason: "not found", text });
}
