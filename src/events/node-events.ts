import type { LocalBootWay } from "../boot/local-boot.ts";
import type { Netboot } from "../boot/node.ts";
import type { Ip4 } from "../lib/ip4.ts";
import type { Machine } from "./machine.ts";

/** How the orchestrator was logged in to: by a token that was there, by the first one, or by a new one since that had expired. */
export type TokenUse = "kept" | "new" | "renewed";

/** What the events carry that are about who may boot, and about what is known of machines elsewhere. */
export interface NodeEventFields {
  "local-boot": Machine & {
    /** The way in which its firmware was sent on, such as `exit`. */
    way: string;
    reason: string;
    /** Whether its iPXE is too old for that, and restarts it. */
    restarts?: boolean;
    /** What iPXE told, where the request for its script did. */
    uuid?: string | null;
    serial?: string | null;
  };
  "local-boot-learnt": Machine & { way: LocalBootWay };
  "machine-waiting": Machine & { uuid: string | null; serial: string | null };
  "node-decided": Machine & {
    /** What it holds for: `mac 08:00:27:*`. */
    match: string;
    /** Null: what the nodes file says. */
    netboot: Netboot | null;
    name: string | null;
    reserved: Ip4 | null;
    by: string;
  };
  /** `interfaces`: on which it was sent. */
  "wake-sent": Machine & { interfaces: readonly string[]; by: string };
  registered: Machine & {
    /** The orchestrator's id of it. */
    host: string;
    name: string | null;
    state: string | null;
    by: "uuid" | "serial";
    token: TokenUse;
  };
  "not-registered": Machine & {
    uuid: string | null;
    serial: string | null;
    code: string;
    reason: string;
    remedy: string;
    token: TokenUse;
  };
  "registration-conflict": Machine & {
    host: string;
    code: string;
    reason: string;
    remedy: string;
    token: TokenUse;
  };
  "registration-unknown": Machine & { code: string; reason: string; remedy: string };
  "orchestrator-answers": { source: string };
  "stages-untold": { code: string; reason: string; remedy: string; waiting: number };
  "once-used": Machine & { evidence: "beacon" | "dhcp" };
  "nodes-unkept": { reason: string };
  /** `nodes` are in force meanwhile. */
  "nodes-source-away": { source: string; reason: string; nodes: number };
  "nodes-source-back": { source: string; nodes: number };
  "node-unusable": { reason: string };
}
