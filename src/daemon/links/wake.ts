import { setTimeout as pause } from "node:timers/promises";
import type { SiteLink } from "../../api/site.ts";
import type { WakeReply } from "../../api/nodes.ts";
import type { FindNode } from "../../boot/node.ts";
import type { Config } from "../../config/schema.ts";
import type { Emit } from "../../events/types.ts";
import { messageOf } from "../../lib/errors.ts";
import { type Ip4, parseSubnet } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { openSharedSocket } from "../../net/device-socket.ts";
import type { NetworkInterface } from "../../net/interfaces.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { interfaceOf } from "../../timeline/rules.ts";
import { magicPacket, type WakeLink, type WakeTarget, wakeTargets } from "./wake-targets.ts";

export interface WakerParts {
  readonly config: Config;
  /** Every configured link. */
  readonly links: () => readonly SiteLink[];
  /** The host's, as they are now. */
  readonly interfaces: () => readonly NetworkInterface[];
  readonly sessions: Pick<BootSessions, "latest">;
  readonly findNode: FindNode;
  /** The addresses that a machine has leased. */
  readonly leased: (mac: Mac) => readonly Ip4[];
  readonly emit: Emit;
}

/** The discard service, which is what everybody takes: the card looks at the bytes only. */
const port = 9;
/** Nobody acknowledges one, and a switch may just have woken its own port. */
const copies = 3;
const betweenMs = 100;

/** Sends a magic packet on the link of a machine; resolves with where it went, and where it could not. */
export async function wake(parts: WakerParts, mac: Mac, by: string): Promise<WakeReply> {
  const boot = parts.sessions.latest({ mac, address: null });
  const entry = parts.findNode({ mac, uuid: boot?.uuid ?? null, serial: boot?.serial ?? null });
  const known = [boot?.address, ...parts.leased(mac), entry?.address];
  const place = {
    interface: boot === null ? null : interfaceOf(boot),
    addresses: known.filter((one) => one != null),
  };
  const { isKnown, targets } = wakeTargets(place, servedLinks(parts));
  const failed: WakeReply["failed"][number][] = [];
  const sent: WakeTarget[] = [];
  await Promise.all(
    targets.map(async (target) => {
      const problem = await send(target, mac);
      if (problem === null) sent.push(target);
      else failed.push({ interface: target.interface, reason: problem });
    }),
  );
  if (sent.length > 0) {
    const interfaces = sent.map((one) => one.interface);
    parts.emit({ event: "wake-sent", mac, address: null, interfaces, by });
  }
  return { mac, isKnown, sent, failed };
}

function servedLinks({ config, links, interfaces }: WakerParts): readonly WakeLink[] {
  const here = interfaces();
  return links().flatMap(({ interface: name, address, served }): WakeLink[] => {
    if (!served || address === null) return [];
    const configured = config.interfaces.find((link) => link.name === name)?.dhcp;
    const own = here.find((one) => one.name === name)?.addresses;
    const subnet =
      parseSubnet(configured?.subnet ?? "") ??
      own?.find((one) => one.address === address)?.subnet ??
      null;
    const relayed = (configured?.relayed ?? []).flatMap((one) => parseSubnet(one.subnet) ?? []);
    return [{ interface: name, address, subnet, relayed }];
  });
}

/** Why it could not be sent; null: it was. */
async function send(
  { interface: name, address, to }: WakeTarget,
  mac: Mac,
): Promise<string | null> {
  try {
    const socket = await openSharedSocket(name, address, 0);
    let problem: string | null = null;
    socket.onError((error) => {
      problem = messageOf(error);
    });
    try {
      const packet = magicPacket(mac);
      for (let sent = 0; sent < copies; sent++) {
        socket.send(packet, { address: to, port });
        await pause(betweenMs);
      }
    } finally {
      await socket.close();
    }
    return problem;
  } catch (error) {
    return messageOf(error);
  }
}
