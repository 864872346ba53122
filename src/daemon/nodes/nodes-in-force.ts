import { type LocalBootSetting, LocalBootTable } from "../../boot/local-boot.ts";
import { type FindNode, isUnknown, type NodeEntry } from "../../boot/node.ts";
import {
  admissionOf,
  type BootPolicy,
  type Denial,
  type LocalBootChoice,
} from "../../boot/policy.ts";
import { machineDenied } from "../../boot/causes.ts";
import type { MachineIdentity } from "../../boot/identity/identity.ts";
import type { Config } from "../../config/schema.ts";
import type { Emit, Machine, PxeEvent } from "../../events/types.ts";
import type { Clock } from "../../lib/clock.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Mac } from "../../lib/mac.ts";
import type { Inventory } from "../../nodes/inventory.ts";
import { NodeRegister } from "../../nodes/node-register.ts";
import type { NodeChange, NodeMatch } from "../../nodes/overrides.ts";
import { WaitingMachines } from "../../nodes/waiting-machines.ts";
import type { TftpDenial } from "../../tftp/server/tftp-server.ts";
import { provedIdentity } from "../../timeline/claims.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { policyOf } from "../settings/boot-settings.ts";
import type { SharedDecisions } from "../database/shared-decisions.ts";
import { Repeatable } from "../settings/reload.ts";
import { provedSender, type SenderAt } from "../state/sender.ts";
import { readKept, writeKept } from "./kept-nodes.ts";

export interface NodesInForceParts {
  readonly config: Config;
  readonly inventory: Inventory;
  readonly sessions: BootSessions;
  readonly emit: Emit;
  readonly clock: Clock;
  readonly senderAt: SenderAt;
  /** How long after a failed write it is tried again, in milliseconds. Default: 5 s. */
  readonly retryAfterMs?: number;
}

/** What is learnt is written together: a site that is switched on is one write. */
const LEARNT_AFTER_MS = 2000;
const RETRY_AFTER_MS = 5000;

/** Who may boot, for every protocol: the inventory, decisions, used-up `once`, and the ways to the disk. */
export class NodesInForce {
  readonly register: NodeRegister;
  readonly localBoots = new LocalBootTable();
  readonly waiting = new WaitingMachines();
  readonly policy: BootPolicy;
  readonly #parts: NodesInForceParts;
  readonly #writing = new Repeatable(() => this.#write());
  #problem: string | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;
  /** Null: no other server shares what is decided. */
  #shared: Pick<SharedDecisions, "decided" | "usedUp"> | null = null;

  constructor(parts: NodesInForceParts) {
    const { config, inventory } = parts;
    this.#parts = parts;
    this.register = new NodeRegister(inventory);
    const asSmee = config.dhcp.compatibility !== "standard";
    this.policy = {
      ...policyOf(config),
      // A serial number is told by iPXE only, and kept with the machine's boots.
      isUndecided: (mac) =>
        this.register.namesSerials && (mac === null || this.#identityOf(mac).serial === null),
      localBoot: asSmee
        ? () => ({ way: "silent", isAuto: false })
        : (mac, node) => this.#choose(node?.localBoot ?? config.boot.localBoot, mac, node),
    };
  }

  /** From now on other servers hear of what is decided here. */
  share(shared: Pick<SharedDecisions, "decided" | "usedUp">): void {
    this.#shared = shared;
  }

  /** Another server's decision came in force, which is to be kept. */
  readonly changed = (): void => this.#keepSoon();

  /** @throws ConfigError when what was decided cannot be read */
  async start(): Promise<void> {
    if (await this.takeUp()) this.#keepSoon();
  }

  /**
   * Takes up what was kept, and writes nothing. Resolves with whether that is out of date already.
   *
   * @throws ConfigError when it cannot be read
   */
  async takeUp(): Promise<boolean> {
    const kept = await readKept(this.#parts.config.dataDir);
    if (kept === null) return false;
    this.localBoots.restore(kept.localBoots);
    return this.register.restore(kept.nodes);
  }

  /** The entry in force; with the serial number that the machine told in an earlier boot, where it tells none now. */
  readonly find: FindNode = (machine) => {
    if (machine.serial !== null || !this.register.namesSerials) return this.register.find(machine);
    const { serial } = this.#identityOf(machine.mac);
    return this.register.find({ ...machine, serial });
  };

  /** That a machine of which a request tells no more than this may not boot; null when it may, or is not known. */
  denialOf({ mac, address }: Machine): Denial | null {
    const { sessions } = this.#parts;
    const known = mac ?? sessions.machineAt(address);
    if (known === null) return null;
    const { uuid } = this.#identityOf(known);
    return admissionOf(known, this.find({ mac: known, uuid, serial: null }), this.policy);
  }

  /**
   * Why TFTP gives this machine no file, and whether it says that there is none; null when it gives one: also to a
   * machine that goes to its disk by a script, which takes iPXE.
   */
  withheld(machine: Machine): TftpDenial | null {
    const denial = this.denialOf(machine);
    if (denial === null || denial.way === "exit" || denial.way === "sanboot") return null;
    const { way, reason } = denial;
    if (way === "not-found") this.#parts.emit({ event: "local-boot", ...machine, way, reason });
    return { reason, asMissing: way === "not-found" };
  }

  use(inventory: Inventory): void {
    if (this.register.use(inventory)) this.#keepSoon();
  }

  /**
   * Somebody decides about a machine. Resolves when it is on the disk; with the reason when it could not be written,
   * and is in force all the same: writing is tried again until it succeeds.
   */
  async decide(match: NodeMatch, change: NodeChange, by: string): Promise<string | null> {
    const { emit } = this.#parts;
    const at = this.now();
    this.register.decide(match, change, { by, at });
    const mac = match.kind === "mac" ? match.value : null;
    // By a reserved address alone it is as unknown as before.
    if (mac !== null && !isUnknown(this.register.find(this.#identityOf(mac)))) {
      this.waiting.remove(mac);
    }
    const { netboot = null, name = null, address = null } = this.register.decisionOn(match) ?? {};
    emit({
      event: "node-decided",
      mac,
      address: null,
      match: `${match.kind} ${match.value}`,
      netboot,
      name,
      reserved: address,
      by,
    });
    const shared = this.#shared?.decided({ match, netboot, name, address, by, at });
    await this.#writing.run();
    return this.#problem ?? (await shared) ?? null;
  }

  /** In ISO 8601. */
  now(): string {
    return new Date(this.#parts.clock.wall()).toISOString();
  }

  /** Forgets how the machine is sent on to its disk; false when nothing was known. */
  forgetLocalBoot(mac: Mac): boolean {
    if (!this.localBoots.forget(mac)) return false;
    this.#keepSoon();
    return true;
  }

  /** Learns from every event. */
  hear(event: PxeEvent): void {
    if (!("mac" in event) || event.mac === null) return;
    const { mac } = event;
    const nowMs = this.#parts.clock.wall();
    switch (event.event) {
      case "discover":
        this.#learnt(event, this.localBoots.asks(mac, nowMs));
        return;
      case "dhcp-refused":
        if (event.why !== machineDenied.code) return;
        this.localBoots.sentOn(mac, nowMs);
        this.#noteWaiting(event, nowMs);
        return;
      case "http-refused":
      case "tftp-refused":
        if (this.denialOf(event) !== null) this.#noteWaiting(event, nowMs);
        return;
      case "local-boot":
        // That it was offered nothing is known by DHCP; the other ways by requests that can name any machine.
        if (event.way === "silent" || provedSender(event, this.#parts.senderAt) !== null) {
          if (event.restarts === true) this.localBoots.restarts(mac, nowMs);
          else this.localBoots.sentOn(mac, nowMs);
        }
        this.#noteWaiting(event, nowMs);
        return;
      case "system-dhcp":
        this.#systemHeard(event, nowMs);
        return;
      case "micro-os":
        this.#microOs(event, nowMs);
        return;
      default:
        return;
    }
  }

  /** Resolves when everything is kept that can be. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
      await this.#writing.run();
    }
    await this.#writing.idle();
  }

  #choose(setting: LocalBootSetting, mac: Mac | null, node: NodeEntry | null): LocalBootChoice {
    if (setting !== "auto") return { way: this.localBoots.wayFor(setting, mac), isAuto: false };
    // An unknown machine may be another boot server's.
    const isOurs = mac !== null && !isUnknown(node);
    return { way: isOurs ? this.localBoots.wayOf(mac) : "silent", isAuto: true };
  }

  #learnt({ mac, address }: Machine, isNew: boolean): void {
    const known = mac === null ? null : this.localBoots.of(mac);
    if (!isNew || known === null) return;
    this.#keepSoon();
    if (!known.worked) return;
    this.#parts.emit({ event: "local-boot-learnt", mac, address, way: known.way });
  }

  /** Its own operating system, when it was sent on before. */
  #systemHeard({ mac, address }: Machine, nowMs: number): void {
    if (mac === null || this.localBoots.of(mac) === null) return;
    const denial = this.denialOf({ mac, address });
    if (denial === null) return;
    if (denial.way === "silent") {
      this.#parts.emit({ event: "local-boot", mac, address, way: "silent", reason: denial.reason });
    }
    this.#learnt({ mac, address }, this.localBoots.systemHeard(mac, nowMs));
  }

  #microOs(event: Extract<PxeEvent, { event: "micro-os" }>, nowMs: number): void {
    const { sessions, emit } = this.#parts;
    const { mac, address, evidence } = event;
    // Anybody may send a beacon with any name: it counts for the machine that its address belongs to.
    const isProved = evidence === "dhcp" || sessions.machineAt(address) === mac;
    if (mac === null || !isProved) return;
    const machine = this.#identityOf(mac);
    const at = new Date(nowMs).toISOString();
    if (!this.register.reachedMicroOs(machine, at)) return;
    void this.#shared?.usedUp({ mac: machine.mac, uuid: machine.uuid, serial: machine.serial, at });
    emit({ event: "once-used", mac, address, evidence });
    void this.#writing.run();
  }

  #noteWaiting({ mac, address }: Machine, nowMs: number): void {
    const { config, emit } = this.#parts;
    if (mac === null || config.nodes.unknown !== "deny") return;
    const machine = this.#identityOf(mac);
    if (!isUnknown(this.register.find(machine))) return;
    const { uuid, serial } = machine;
    if (this.waiting.note(machine, nowMs)) {
      emit({ event: "machine-waiting", mac, address, uuid, serial });
    }
  }

  /** A machine by all that it told in its latest boot, and nobody else in its name. */
  #identityOf(mac: Mac): MachineIdentity {
    return { mac, ...provedIdentity(this.#parts.sessions.latest({ mac, address: null })) };
  }

  #keepSoon(afterMs = LEARNT_AFTER_MS): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#writing.run();
    }, afterMs);
    // The process may end without it: closing writes what is left.
    this.#timer.unref();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { config, emit, retryAfterMs = RETRY_AFTER_MS } = this.#parts;
    try {
      const localBoots = this.localBoots.worked();
      await writeKept(config.dataDir, { nodes: this.register.kept(), localBoots });
      this.#problem = null;
    } catch (error) {
      const reason = messageOf(error);
      if (reason !== this.#problem) emit({ event: "nodes-unkept", reason });
      this.#problem = reason;
      this.#keepSoon(retryAfterMs);
    }
  }
}
