import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { chooseBoot } from "./boot-choice.ts";
import { bootRequest, type MachineIdentity } from "../wire/dhcp-requests.ts";
import { newXid } from "../wire/dhcp-wire.ts";
import { type ClientPort, collectOffers } from "../wire/discovery.ts";
import { BootFailure } from "../wire/failure.ts";
import { readByHttp } from "../wire/http-read.ts";
import type { Offer } from "../wire/offers.ts";
import { syntheticUuid } from "../../boot/synthetic-uuid.ts";

/** What tells a denied machine from one that no boot server receives anything from. */
export interface DenialEvidence {
  /** A server that offers boot information to another machine on this link. */
  readonly bootsOthers: Ip4 | null;
  /** What a boot port answered to a request for this machine's script, when it refused. */
  readonly refusal: { readonly server: Ip4; readonly text: string } | null;
}

/** Where eim-pxe's boot port is unless `http.port` says otherwise. */
const BOOT_PORT = 8080;
const patienceMs = 1000;

/**
 * A proxy is silent towards a machine that it denies, which looks like no proxy at all. So: does a
 * boot port on one of these hosts, or on this one, say no; and is another machine offered something?
 */
export async function denialEvidence(
  machine: MachineIdentity,
  servers: readonly Ip4[],
  port: ClientPort,
  own: { readonly address: Ip4; readonly unknownMac: Mac },
): Promise<DenialEvidence> {
  for (const server of new Set([...servers, own.address])) {
    const text = await refusalOf(machine.mac, server, own.address);
    if (text !== null) return { bootsOthers: null, refusal: { server, text } };
  }
  const bootsOthers =
    own.unknownMac === machine.mac ? null : await bootServerFor(own.unknownMac, machine, port);
  return { bootsOthers, refusal: null };
}

async function bootServerFor(
  mac: Mac,
  { firmware }: MachineIdentity,
  port: ClientPort,
): Promise<Ip4 | null> {
  const usable = (seen: readonly Offer[]) => chooseBoot(firmware, seen).kind !== "nothing";
  const unknown = { mac, uuid: syntheticUuid(mac), firmware };
  const request = bootRequest(unknown, newXid(), "firmware", null);
  const offers = await collectOffers(port, request, { usable, decided: usable });
  const choice = chooseBoot(firmware, offers);
  return choice.kind === "nothing" ? null : choice.offer.server;
}

async function refusalOf(mac: Mac, server: Ip4, localAddress: Ip4): Promise<string | null> {
  try {
    await readByHttp(`http://${server}:${BOOT_PORT}/${mac}/boot.ipxe`, localAddress, {
      patienceMs,
    });
    return null;
  } catch (error) {
    const fault = error instanceof BootFailure ? error.fault : null;
    if (fault?.kind !== "http-status" || fault.status !== 403) return null;
    // Whatever else listens there may say 403 too.
    return /^this machine may not boot from here: (.*)/.exec(fault.text)?.[1] ?? null;
  }
}
