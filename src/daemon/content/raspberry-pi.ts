import type { UnservedAsset } from "../../assets/store/asset-folder.ts";
import type { Config } from "../../config/schema.ts";
import type { Machine } from "../../events/types.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { NodesInForce } from "../nodes/nodes-in-force.ts";
import type { SiteAsset, SiteAssets } from "./site-assets.ts";
import { provedIdentity } from "../../timeline/claims.ts";

/** A file that is made of a Pi's entry. */
export interface PiText {
  readonly kind: "text";
  readonly name: string;
  readonly text: string;
}

export interface PiParts {
  readonly config: Pick<Config, "boot">;
  readonly sessions: Pick<BootSessions, "machineAt" | "latest">;
  readonly nodes: Pick<NodesInForce, "find">;
  readonly assets: SiteAssets | null;
}

/**
 * What a Raspberry Pi asks for in the folder of its serial number and the site has no file for: `config.txt` and
 * `cmdline.txt` of its entry, and all else from the folder that its entry names. Null: nothing of that.
 */
export async function findPiFile(
  path: string,
  machine: Machine,
  { config, sessions, nodes, assets }: PiParts,
): Promise<PiText | SiteAsset | UnservedAsset | null> {
  const [, serial, rest] = /^([0-9a-f]{8})\/(.+)$/i.exec(path) ?? [];
  if (serial === undefined || rest === undefined) return null;
  const mac = machine.mac ?? sessions.machineAt(machine.address);
  const { uuid } = provedIdentity(mac === null ? null : sessions.latest({ mac, address: null }));
  const entry = nodes.find({ mac: mac ?? "", uuid, serial: serial.toLowerCase() });
  if (entry === null) return null;
  const own = entry.raspberryPi ?? null;
  if (rest === "config.txt" && own !== null && own.config !== null) {
    return { kind: "text", name: path, text: withLineEnd(own.config) };
  }
  if (rest === "cmdline.txt" && entry.kernelArgs.length > 0) {
    // The firmware reads one line.
    const words = [...config.boot.kernelArgs, ...entry.kernelArgs];
    return { kind: "text", name: path, text: `${words.join(" ")}\n` };
  }
  if (assets === null || own === null || own.firmware === null) return null;
  return assets.find(`${own.firmware}/${rest}`, machine, "common");
}

function withLineEnd(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}
