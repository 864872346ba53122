import { filledUrl, usualMacInUrls } from "../../boot/machine-urls.ts";
import { chainScript, ownScript } from "../../boot/script/chain.ts";
import { hookScript, type HookSettings, isMirrored } from "../../boot/script/hook-script.ts";
import { type ImageTrust, imageTrustOf, UNSIGNED } from "../../boot/script/image-trust.ts";
import { isUnknown, type NodeEntry } from "../../boot/node.ts";
import {
  type OrchestratorScript,
  preparedScript,
  type ScriptRewrite,
  type WithMachine,
} from "../../boot/script/orchestrator-script.ts";
import { fillTemplate } from "../../boot/script/template.ts";
import { syslogServerAt } from "../../boot/script/syslog.ts";
import type { KernelTiming } from "../../boot/script/timings.ts";
import type { TraceContext } from "../../boot/trace-context.ts";
import type { Machine } from "../../events/types.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { printable } from "../../lib/bytes.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Stage } from "../../timeline/stages.ts";
import { traceOf } from "../../timeline/traces.ts";
import type { BootAppOptions, BootScript } from "./context.ts";
import type { ServedGeneration } from "./content.ts";
import { OrchestratorScripts } from "./orchestrator-scripts.ts";
import { Signatures } from "./signatures.ts";

export type ScriptOutcome =
  | { readonly kind: "script"; readonly text: string; readonly generation: string | null }
  | { readonly kind: "unavailable"; readonly status: 500 | 503; readonly reason: string };

export interface ScriptRequest {
  readonly machine: Machine;
  /** As the machine told it in this boot; null: it did not. */
  readonly uuid: string | null;
  readonly node: ScriptNode | null;
  /** Our base URL as the machine reaches it; null: its connection is gone. */
  readonly baseUrl: string | null;
  /** That the request names; null or absent: none. */
  readonly trace?: TraceContext | null;
}

/** What of a machine's entry its script depends on. */
export type ScriptNode = Pick<
  NodeEntry,
  "mac" | "scriptUrl" | "script" | "hook" | "kernelArgs" | "isReservationOnly"
>;

/** What has to be read before a script can be made. */
type Source =
  | { readonly kind: "loader"; readonly name: string }
  | { readonly kind: "template"; readonly text: string }
  | {
      readonly kind: "mirror";
      readonly sha256: string;
      readonly script: OrchestratorScript;
      readonly trust: ImageTrust;
    };

/** Only what is signed may start, and nothing is. */
interface Unsigned {
  readonly kind: "unsigned";
  readonly reason: string;
}

/** One for each generation, address of ours and set of kernel arguments; nodes may have their own. */
const maxPrepared = 256;

/** The stages before the script that tell where the time of a boot goes. */
const timedStages: ReadonlySet<Stage> = new Set(["discover", "loader-start", "loader-done"]);

/** Whether the script makes a machine fetch something of the mirror. */
function needsMicroOs(script: BootScript, node: ScriptNode | null): boolean {
  switch (script.kind) {
    case "mirror":
      return true;
    case "template":
      return script.needsMicroOs;
    case "hook":
      return isMirrored(script.settings, node?.hook ?? null);
    case "elsewhere":
    case "loader":
      return false;
  }
}

/** Makes the boot scripts of machines: what is the same for many is kept in memory. */
export class BootScripts {
  readonly #options: BootAppOptions;
  readonly #orchestratorScripts: OrchestratorScripts;
  readonly #signatures: Signatures;
  readonly #prepared = new BoundedMap<string, WithMachine>(maxPrepared);

  constructor(options: BootAppOptions) {
    this.#options = options;
    this.#orchestratorScripts = new OrchestratorScripts(options.files);
    this.#signatures = new Signatures(options.clock);
  }

  async of(request: ScriptRequest): Promise<ScriptOutcome> {
    const generation = this.#options.generations.current();
    const known = this.#withoutSource(request, generation);
    if (known !== null) return known;
    try {
      const source = await this.#read(generation);
      if (source.kind === "unsigned") {
        return { kind: "unavailable", status: 503, reason: source.reason };
      }
      return this.#make(request, generation, source);
    } catch (thrown) {
      const reason = `the boot script cannot be made: ${printable(messageOf(thrown), 512)}`;
      return { kind: "unavailable", status: 500, reason };
    }
  }

  /** The same at once; null where something has to be read first, or there is no script. */
  now(request: ScriptRequest): Extract<ScriptOutcome, { kind: "script" }> | null {
    const { script, generations } = this.#options;
    const generation = generations.current();
    const known = this.#withoutSource(request, generation);
    if (known !== null) return known.kind === "script" ? known : null;
    if (script.kind !== "mirror" || generation === null) return null;
    const source = this.#orchestratorScripts.known(generation);
    const { imgverify = "off" } = this.#options;
    const isSigned = imgverify === "off" ? false : this.#signatures.known(generation);
    if (source === null || isSigned === null || (imgverify === "required" && !isSigned))
      return null;
    try {
      const trust = imageTrustOf(imgverify, isSigned);
      return this.#make(request, generation, { kind: "mirror", ...source, trust });
    } catch {
      // The usual way finds it too, and says why.
      return null;
    }
  }

  /** What is known without reading anything. */
  #withoutSource(
    request: ScriptRequest,
    generation: ServedGeneration | null,
  ): ScriptOutcome | null {
    const { machine, uuid, node, baseUrl } = request;
    if (baseUrl === null) {
      return { kind: "unavailable", status: 503, reason: "the connection is gone" };
    }
    if (node !== null && node.scriptUrl !== null) {
      const text = chainScript(node.scriptUrl, `${baseUrl}/events`);
      return { kind: "script", text, generation: null };
    }
    if (node?.script != null) {
      return { kind: "script", text: ownScript(node.script), generation: null };
    }
    const { script, policy } = this.#options;
    if (script.kind === "elsewhere") {
      const { script: form } = policy.macInUrls ?? usualMacInUrls;
      const url = filledUrl(script.url, { mac: machine.mac, uuid }, form);
      return { kind: "script", text: chainScript(url, `${baseUrl}/events`), generation: null };
    }
    if (generation === null && needsMicroOs(script, node)) {
      const reason =
        "nothing to boot is here yet: no synchronisation with the orchestrator has succeeded. " +
        "Look at event sync-failed in the log, or run: eim-pxe sync";
      return { kind: "unavailable", status: 503, reason };
    }
    if (script.kind === "hook")
      return this.#hook(script.settings, { ...request, baseUrl }, generation);
    return null;
  }

  /** The script for HookOS, of which nothing has to be read. */
  #hook(
    settings: HookSettings,
    { machine, node, baseUrl, trace: asked = null }: ScriptRequest & { readonly baseUrl: string },
    generation: ServedGeneration | null,
  ): ScriptOutcome {
    const hook = node?.hook ?? null;
    const text = hookScript(settings, {
      machine: node === null || isUnknown(node) ? null : { mac: machine.mac ?? node.mac, hook },
      baseUrl,
      kernelArgs: [...this.#options.kernelArgs, ...(node?.kernelArgs ?? [])],
      traceId: this.#traceOf(machine, asked)?.traceId ?? null,
    });
    const id = isMirrored(settings, hook) ? (generation?.id ?? null) : null;
    return { kind: "script", text, generation: id };
  }

  async #read(generation: ServedGeneration | null): Promise<Source | Unsigned> {
    const { script, files } = this.#options;
    if (script.kind === "loader") return script;
    if (script.kind === "template") {
      return { kind: "template", text: await files.readNow(script.path) };
    }
    const known = await this.#orchestratorScripts.of(generation);
    const { imgverify = "off" } = this.#options;
    const isSigned =
      imgverify !== "off" && generation !== null && (await this.#signatures.of(generation));
    if (imgverify === "required" && !isSigned) {
      return { kind: "unsigned", reason: `${UNSIGNED}. Run: eim-pxe artifacts sign` };
    }
    return { kind: "mirror", ...known, trust: imageTrustOf(imgverify, isSigned) };
  }

  #make(
    { machine, node, baseUrl, trace: asked = null }: ScriptRequest,
    generation: ServedGeneration | null,
    source: Source,
  ): Extract<ScriptOutcome, { kind: "script" }> {
    const id = generation?.id ?? null;
    const trace = this.#traceOf(machine, asked);
    const rewrite = {
      downloadUrl: `${baseUrl}/artifacts`,
      eventsUrl: `${baseUrl}/events`,
      syslog: this.#options.syslog && baseUrl !== null ? syslogServerAt(baseUrl) : null,
      kernelArgs: [...this.#options.kernelArgs, ...(node?.kernelArgs ?? [])],
    };
    switch (source.kind) {
      case "loader": {
        const url = `${baseUrl}/loaders/${encodeURIComponent(source.name)}`;
        return { kind: "script", text: chainScript(url, rewrite.eventsUrl), generation: null };
      }
      case "template": {
        const timings = this.#timingsOf(machine);
        const how = { ...rewrite, timings, trace, baseUrl: baseUrl ?? "", generation: id };
        return { kind: "script", text: fillTemplate(source.text, how), generation: id };
      }
      case "mirror": {
        const text = this.#preparedOf(source, rewrite)(this.#timingsOf(machine), trace);
        return { kind: "script", text, generation: id };
      }
    }
  }

  #preparedOf(
    { sha256, script, trust }: Extract<Source, { kind: "mirror" }>,
    rewrite: Omit<ScriptRewrite, "timings" | "trace" | "trust">,
  ): WithMachine {
    const key = [sha256, trust, rewrite.downloadUrl, ...rewrite.kernelArgs].join("\n");
    const before = this.#prepared.get(key);
    if (before !== undefined) return before;
    const prepared = preparedScript(script, { ...rewrite, trust });
    this.#prepared.set(key, prepared);
    return prepared;
  }

  /** What the machine is told of the trace of its boot; the one that it names itself goes before. */
  #traceOf(machine: Machine, asked: TraceContext | null): TraceContext | null {
    const { sessions, clock } = this.#options;
    const own = traceOf(sessions, machine, "script", clock.now());
    return own === null || asked === null ? own : { ...own, traceId: asked.traceId };
  }

  /** When the stages of this boot were reached so far, for the orchestrator's own statistics. */
  #timingsOf(machine: Machine): KernelTiming[] {
    const { sessions, clock } = this.#options;
    const nowMs = clock.now();
    const wallMs = clock.wall();
    const at = (atMs: number) => Math.floor((wallMs - (nowMs - atMs)) / 1000);
    const reached: KernelTiming[] = [];
    for (const { stage, firstAtMs } of sessions.latest(machine)?.steps ?? []) {
      if (timedStages.has(stage)) reached.push({ name: stage, unixSeconds: at(firstAtMs) });
    }
    reached.push({ name: "script", unixSeconds: at(nowMs) });
    return reached;
  }
}
