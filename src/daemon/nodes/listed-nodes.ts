import type { DecisionReply } from "../../api/nodes.ts";
import { denialOf } from "../../boot/policy.ts";
import type { ListedNodes } from "../../http/admin/context.ts";
import type { Mac } from "../../lib/mac.ts";
import type { NodeMatch, NodeOverride } from "../../nodes/overrides.ts";
import type { FirmwareMemory } from "../state/firmware-memory.ts";
import type { NodesInForce } from "./nodes-in-force.ts";

/** What the admin port knows of machines, and does with them. */
export function listedNodes(
  nodes: NodesInForce,
  firmware: FirmwareMemory,
  forgetMore: (mac: Mac) => void,
): ListedNodes {
  const { register, localBoots, waiting, policy } = nodes;
  return {
    macsAfter: register.macsAfter,
    find: nodes.find,
    hasEntry: (machine) => register.entryOf(machine) !== null,
    denialOf: (entry) => denialOf(entry, policy),
    wordFor: (machine) => register.wordFor(machine),
    waiting: () => waiting.all,
    waitingSince: (mac) => waiting.get(mac)?.firstAtMs ?? null,
    localBootOf: (mac) => {
      const known = localBoots.of(mac);
      return known?.worked === true ? known.way : null;
    },
    unknown: policy.unknownNodes,
    decisions: () => register.overrides.map(replyOf),
    decide: async (match, { netboot, name, address }, by) => {
      const change = {
        ...(netboot === undefined ? {} : { netboot }),
        ...(name === undefined ? {} : { name }),
        ...(address === undefined ? {} : { address }),
      };
      const unkept = await nodes.decide(match, change, by);
      const decided = register.decisionOn(match);
      return { decision: replyOf(decided ?? nothingOn(match, by, nodes.now())), unkept };
    },
    offerStyles: () => firmware.styles.proven(),
    offerStyleOf: (mac) => firmware.styles.provenOf(mac),
    forgetOfferStyle: (mac) => {
      firmware.forget(mac);
      nodes.forgetLocalBoot(mac);
      forgetMore(mac);
    },
  };
}

function replyOf({ match, ...decided }: NodeOverride): DecisionReply {
  return { ...match, ...decided };
}

function nothingOn(match: NodeMatch, by: string, at: string): NodeOverride {
  return { match, netboot: null, name: null, address: null, by, at };
}
