import { readFile } from "node:fs/promises";
import { planBoot } from "../boot/policy.ts";
import type { TraceContext } from "../boot/trace-context.ts";
import { LoaderChoiceTable } from "../boot/loader-choice.ts";
import { OfferStyleTable } from "../boot/offer-style.ts";
import { decide, type Knowledge, type Role } from "../dhcp/handlers/decide.ts";
import type { Effect } from "../dhcp/handlers/effects.ts";
import { type DescribedPacket, describePacket } from "../dhcp/wire/packet-json.ts";
import { journalFile } from "../dhcp/leases/journal.ts";
import { replayJournal } from "../dhcp/leases/journal-format.ts";
import { LeaseTable } from "../dhcp/leases/lease-table.ts";
import { advertisedAddress, type Link } from "../dhcp/link.ts";
import { OfferTable } from "../dhcp/leases/offer-table.ts";
import { decodePacket, encodePacket } from "../dhcp/wire/packet.ts";
import { type DhcpRequest, readRequest, type Source } from "../dhcp/message/request.ts";
import { toHex } from "../lib/bytes.ts";
import { systemClock } from "../lib/clock.ts";
import { ConfigError, DecodeError } from "../lib/errors.ts";
import type { Mac } from "../lib/mac.ts";
import { readInterfaces } from "../net/interfaces.ts";
import type { Settings } from "../daemon/settings/settings.ts";
import { configuredLinks, type ServedLink } from "../daemon/links/link-plan.ts";
import { smeeOf } from "../daemon/settings/boot-settings.ts";
import { NodesInForce } from "../daemon/nodes/nodes-in-force.ts";
import { BootSessions } from "../timeline/boots.ts";
import { readProvenLoaders } from "../daemon/state/loader-choice-file.ts";
import { readOfferStyles } from "../daemon/state/offer-style-file.ts";

/* What `explain` says of a request: the decision that the server would come to, and its reason in words. */

export type Known = Pick<Settings, "config" | "inventory"> & {
  readonly trace: TraceContext | null;
};

export interface Explanation {
  readonly decision: "reply" | "ignore";
  readonly reason: string;
  readonly reply?: {
    readonly destination: string;
    readonly hex: string;
    readonly packet: DescribedPacket;
  };
}

/** What the server knows, as far as it is on disk, and can learn from one request for the next. */
export interface ExplainedKnowledge extends Knowledge {
  readonly leases: LeaseTable;
  readonly offerStyles: OfferStyleTable;
  readonly offers: OfferTable;
}

/** The packet as the server reads it. Throws `DecodeError`. */
export function readPacket(
  bytes: Uint8Array,
  source: Source,
  { config }: Known,
  { smee }: Knowledge,
): DhcpRequest {
  const packet = decodePacket(bytes, smee === null ? "liberal" : "strict");
  return readRequest(packet, source, config.boot.vendorClasses);
}

/** What is decided about a request, and that in words. */
export function explained(
  request: DhcpRequest,
  link: Link,
  role: Role,
  knowledge: Knowledge,
  nowMs: number,
): { readonly effects: readonly Effect[]; readonly explanation: Explanation } {
  const effects = decide(request, link, role, knowledge, nowMs);
  const send = effects.find((effect) => effect.kind === "send");
  if (send === undefined) {
    const reasons = effects.flatMap((effect) => {
      if (effect.kind === "ignore") return [effect.reason];
      if (effect.kind !== "event" || !("reason" in effect.event)) return [];
      const { event } = effect;
      return "remedy" in event ? [event.reason, event.remedy] : [event.reason];
    });
    return { effects, explanation: ignore(reasons.join("; ") || "nothing to answer") };
  }
  const explanation: Explanation = {
    decision: "reply",
    reason: reasonFor(request, link, knowledge, send.packet.file),
    reply: {
      destination: `${send.to.address}:${send.to.port}`,
      hex: toHex(encodePacket(send.packet, knowledge.smee === null ? "type-first" : "by-code")),
      packet: describePacket(send.packet),
    },
  };
  return { effects, explanation };
}

/** A packet that is damaged gets no answer. Throws what is no `DecodeError`. */
export function notReadable(error: unknown): Explanation {
  if (error instanceof DecodeError) return ignore(`malformed: ${error.message}`);
  throw error;
}

export function ignore(reason: string): Explanation {
  return { decision: "ignore", reason };
}

/** What the machine was given to boot, in words. */
function reasonFor(
  request: DhcpRequest,
  link: Link,
  knowledge: Knowledge,
  bootFile: string,
): string {
  const { client, mac } = request;
  const node = knowledge.findNode({ mac, uuid: client.uuid, serial: null });
  const plan = knowledge.plan(client, node, link);
  const entry =
    node === null ? "no node entry matches it" : `its node entry is ${node.name ?? mac}`;
  if (knowledge.smee !== null) {
    const named = bootFile === "" ? "no boot file" : `the boot file ${bootFile}`;
    return `${knowledge.smee.flavour} answers it so, with ${named}; ${entry}`;
  }
  switch (plan.kind) {
    case "loader":
      return `a network boot client that gets the loader ${plan.transport === "http" ? plan.url : plan.file}${learntFor(mac, knowledge)}; ${entry}`;
    case "script":
      return `iPXE runs on it already, so it gets the script ${bootFile === "" ? plan.url : bootFile}; ${entry}`;
    case "refused":
      return `it gets an address and nothing to boot: ${plan.reason}`;
    case "none":
      return `an ordinary DHCP client: ${plan.reason}; ${entry}`;
  }
}

function learntFor(mac: Mac, { offerStyles, smee }: Knowledge): string {
  const { proven } = offerStyles.of(mac);
  return proven === null || smee !== null
    ? ""
    : ` in the style that it was seen to follow (${proven.style})`;
}

/** What the server knows, with the leases of its journal as they are on disk. */
export async function knowledgeOf({
  config,
  inventory,
  trace,
}: Known): Promise<ExplainedKnowledge> {
  const leases = new LeaseTable();
  // What is in a database is not asked for: this looks at what this host has.
  const isHere = config.leases.store === "journal";
  const journal = isHere
    ? await readFile(journalFile(config.dataDir)).catch(() => new Uint8Array())
    : new Uint8Array();
  for (const lease of replayJournal(journal).leases) leases.restore(lease);
  const nodes = new NodesInForce({
    config,
    inventory,
    sessions: new BootSessions(),
    senderAt: () => null,
    emit: () => {},
    clock: systemClock,
  });
  await nodes.takeUp();
  const offerStyles = new OfferStyleTable();
  offerStyles.restore(await readOfferStyles(config.dataDir).catch(() => []));
  const loaders = await knownLoaders(config.dataDir);
  return {
    plan: (client, node, link) => {
      const baseUrl = `http://${advertisedAddress(link)}:${config.http.port}`;
      const plan = planBoot(client, node, nodes.policy, baseUrl);
      const isStandard = config.dhcp.compatibility === "standard";
      return isStandard ? loaders.applied(plan, client.mac, node, systemClock.wall()) : plan;
    },
    findNode: nodes.find,
    reservedFor: nodes.register.reservedFor,
    leases,
    offerStyles,
    offers: new OfferTable(),
    smee: smeeOf(config, { tftpPort: config.tftp.port, httpPort: config.http.port, trace }),
  };
}

/** Which machines are known to run the loader of the other kind. */
async function knownLoaders(dataDir: string): Promise<LoaderChoiceTable> {
  const table = new LoaderChoiceTable();
  const known = await readProvenLoaders(dataDir).catch(() => []);
  for (const proven of known) table.put(proven.mac, { proven, trial: null });
  table.siblings = new Map(known.map(({ insteadOf, loader }) => [insteadOf, [loader]]));
  return table;
}

export function linksOf({ config }: Pick<Known, "config">): readonly ServedLink[] {
  return configuredLinks(config, readInterfaces());
}

/** The link of an interface; null: DHCP is off there. */
export function linkNamed(links: readonly ServedLink[], name: string | null): Link | null {
  const found = name === null ? links[0] : links.find((link) => link.interface === name);
  if (found !== undefined) return found.dhcp;
  const known = links.map((link) => link.interface).join(", ");
  throw new ConfigError([`--interface ${name ?? ""} is not configured; configured: ${known}`]);
}
