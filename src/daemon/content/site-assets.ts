import { type AssetContent, contentOf } from "../../assets/asset-content.ts";
import type { AssetMachine } from "../../assets/asset-name.ts";
import {
  AssetFolder,
  type AssetFile,
  type AssetPlace,
  type UnservedAsset,
} from "../../assets/store/asset-folder.ts";
import { isRaspberryPi, piSerialOf } from "../../boot/identity/raspberry-pi.ts";
import type { Machine } from "../../events/types.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import type { NodesInForce } from "../nodes/nodes-in-force.ts";
import { provedIdentity } from "../../timeline/claims.ts";

/** A file of the asset folder, and what it is to a boot. */
export interface SiteAsset extends AssetFile {
  /** `loader` where the configuration or a node has machines fetch it as such. */
  readonly content: AssetContent | "loader";
}

export interface SiteAssetParts {
  readonly directory: string;
  readonly sessions: Pick<BootSessions, "machineAt" | "latest">;
  readonly nodes: Pick<NodesInForce, "find">;
  /** Whether the configuration or a node entry has machines fetch this loader. */
  readonly isHandedOut: (name: string) => boolean;
}

/** The asset folder, for machines that are known by what they told in this boot and by their entries. */
export class SiteAssets {
  readonly folder: AssetFolder;
  readonly #parts: SiteAssetParts;

  constructor(parts: SiteAssetParts) {
    this.folder = new AssetFolder(parts.directory);
    this.#parts = parts;
  }

  /** The file that a machine means by a name, which may begin with that machine's MAC or UUID; null: there is none. */
  async find(
    name: string,
    machine: Machine,
    place: AssetPlace = "both",
  ): Promise<SiteAsset | UnservedAsset | null> {
    const found = await this.folder.find(name, this.#identityOf(machine), place);
    if (found?.kind !== "file") return found;
    const isLoader = this.#parts.isHandedOut(name) || this.#parts.isHandedOut(found.name);
    return { ...found, content: isLoader ? "loader" : contentOf(found.name) };
  }

  #identityOf({ mac, address }: Machine): AssetMachine {
    const { sessions, nodes } = this.#parts;
    const known = mac ?? sessions.machineAt(address);
    if (known === null) return { mac: null, uuid: null, serial: null };
    const { uuid, serial } = provedIdentity(sessions.latest({ mac: known, address: null }));
    const entry = nodes.find({ mac: known, uuid, serial });
    const pi = uuid !== null && isRaspberryPi(known) ? piSerialOf(uuid) : null;
    return {
      mac: known,
      uuid: uuid ?? entry?.uuid ?? null,
      serial: serial ?? entry?.serial ?? pi,
    };
  }
}
