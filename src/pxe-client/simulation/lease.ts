import type { DhcpPacket } from "../../dhcp/wire/packet.ts";
import { MessageType } from "../../dhcp/wire/message-type.ts";
import { OptionCode } from "../../dhcp/wire/option-codes.ts";
import { type Ip4, ip4ToBytes } from "../../lib/ip4.ts";
import { type Choice, chooseBoot } from "../probe/boot-choice.ts";
import { bootRequest, systemRequest } from "../wire/dhcp-requests.ts";
import { newXid } from "../wire/dhcp-wire.ts";
import { BootFailure } from "../wire/failure.ts";
import type { Offer } from "../wire/offers.ts";
import { type Counters, type MachineWire, takeAddress } from "./machine-wire.ts";
import { anyServer, type SimulatedMachine, type SimulationPlan } from "./plan.ts";

/** Who asks for a lease. */
export type LeaseStage = "firmware" | "ipxe" | "system";

/** A lease, and what to boot by the offers that came with it. */
export interface Lease {
  readonly address: Ip4;
  /** Null for an operating system, and where nobody was asked. */
  readonly choice: Choice | null;
  readonly server: Ip4;
}

/** A DHCPNAK sends a client back to its DHCPDISCOVER. */
const leaseTries = 3;

/**
 * DISCOVER, OFFER, REQUEST, ACK.
 *
 * @throws BootFailure when no lease can be had, or nothing to boot
 */
export async function takeLease(
  machine: SimulatedMachine,
  wire: MachineWire,
  stage: LeaseStage,
  counters: Counters,
): Promise<Lease> {
  const { dhcp, plan } = wire;
  const { addressServer, bootServer, discoverTo, target, ownAddress } = plan;
  if (dhcp === null || addressServer === null) {
    return { address: ownAddress, choice: null, server: target };
  }
  const isEnough = (offers: readonly Offer[]) => hasEnough(plan, stage, offers);
  for (let count = 0; count < leaseTries; count += 1) {
    const xid = newXid();
    const discover = requestOf(machine, stage, xid, null);
    const offers = await dhcp.discover(discover, discoverTo, bootServer, isEnough, counters);
    const chosen = offers.find((one) => givesAddress(plan, one));
    const address = chosen?.address ?? null;
    if (chosen === undefined || address === null) {
      throw new BootFailure(`no address was offered by ${addressServer} within 60 s`);
    }
    const { server } = chosen;
    const choice = stage === "system" ? null : choiceOf(plan, stage, offers);
    if (choice?.kind === "nothing") {
      const { reason } = choice;
      const fault = reason.why === "unusable" ? `${reason.server}: ${reason.fault}` : reason.why;
      throw new BootFailure(`nothing to boot in the offers (${fault})`);
    }
    const request = requestOf(machine, stage, xid, { server, address });
    const answer = await dhcp.request(request, discoverTo, bootServer, counters);
    if (answer === null) {
      throw new BootFailure(`${server} did not acknowledge within 60 s what it had offered`);
    }
    if (answer.options.get(OptionCode.MESSAGE_TYPE)?.[0] === MessageType.ACK) {
      takeAddress(wire, answer.yiaddr, machine.index);
      return { address: answer.yiaddr, choice, server };
    }
    counters.repeated();
  }
  throw new BootFailure(
    `${addressServer} refused ${leaseTries} times what it had offered (DHCPNAK)`,
  );
}

/** RFC 2131 4.4.6: so that a second run, or a real machine, finds the pool as it was. */
export function releaseLease(machine: SimulatedMachine, { dhcp }: MachineWire, lease: Lease): void {
  const packet = systemRequest(machine.mac, newXid(), null);
  const options = new Map(packet.options)
    .set(OptionCode.MESSAGE_TYPE, Uint8Array.of(MessageType.RELEASE))
    .set(OptionCode.SERVER_IDENTIFIER, ip4ToBytes(lease.server));
  options.delete(OptionCode.PARAMETER_REQUEST_LIST);
  dhcp?.send({ ...packet, flags: 0, ciaddr: lease.address, options }, lease.server);
}

function requestOf(
  machine: SimulatedMachine,
  stage: LeaseStage,
  xid: number,
  selected: { readonly server: Ip4; readonly address: Ip4 } | null,
): DhcpPacket {
  return stage === "system"
    ? systemRequest(machine.mac, xid, selected)
    : bootRequest(machine, xid, stage, selected);
}

/** Whether firmware would not wait any longer; it does wait for the target. */
function hasEnough(plan: SimulationPlan, stage: LeaseStage, offers: readonly Offer[]): boolean {
  if (!offers.some((one) => givesAddress(plan, one))) return false;
  if (stage === "system") return true;
  if (!offers.some((one) => saysWhatToBoot(plan, one))) return false;
  return choiceOf(plan, stage, offers).kind !== "nothing";
}

function choiceOf(
  plan: SimulationPlan,
  stage: "firmware" | "ipxe",
  offers: readonly Offer[],
): Choice {
  const relevant = offers.filter((one) => givesAddress(plan, one) || saysWhatToBoot(plan, one));
  return chooseBoot(stage === "ipxe" ? "ipxe" : plan.firmware, relevant);
}

function givesAddress({ addressServer }: SimulationPlan, { server, address }: Offer): boolean {
  return address !== null && (addressServer === anyServer || server === addressServer);
}

function saysWhatToBoot({ addressServer, bootServer }: SimulationPlan, { server }: Offer): boolean {
  return addressServer === anyServer || server === bootServer;
}
