import { readFile } from "node:fs/promises";
import { text as readAll } from "node:stream/consumers";
import { planBoot } from "../boot/policy.ts";
import type { TraceContext } from "../boot/trace-context.ts";
import { OfferStyleTable } from "../boot/offer-style.ts";
import { decide, type Knowledge } from "../dhcp/handlers/decide.ts";
import { type DescribedPacket, describePacket } from "../dhcp/wire/packet-json.ts";
import { journalFile } from "../dhcp/leases/journal.ts";
import { replayJournal } from "../dhcp/leases/journal-format.ts";
import { LeaseTable } from "../dhcp/leases/lease-table.ts";
import type { Link } from "../dhcp/link.ts";
import { OfferTable } from "../dhcp/leases/offer-table.ts";
import { decodePacket, encodePacket } from "../dhcp/wire/packet.ts";
import { type DhcpRequest, readRequest, type Source } from "../dhcp/message/request.ts";
import { fromHex, toHex } from "../lib/bytes.ts";
import { systemClock } from "../lib/clock.ts";
import { ConfigError, DecodeError } from "../lib/errors.ts";
import { parseIp4 } from "../lib/ip4.ts";
import type { Mac } from "../lib/mac.ts";
import { readInterfaces } from "../net/interfaces.ts";
import { loadConfiguration, loadInventory, type Settings } from "../daemon/settings/settings.ts";
import { configuredLinks } from "../daemon/links/link-plan.ts";
import { policyOf, smeeOf } from "../daemon/settings/boot-settings.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { traceOf } from "../daemon/settings/environment.ts";
import { readOfferStyles } from "../daemon/state/offer-style-file.ts";

export interface ExplainOptions {
  /** The interface that the packet came in on; null: the first that is configured. */
  readonly interface: string | null;
  /** Where it came from, as `IP:PORT`; null: a client without an address. */
  readonly source: string | null;
  /** The port that it came to: 67 or 4011. */
  readonly port: 67 | 4011;
  /** The packet in hex, or `-` to read it from standard input. */
  readonly hex: string;
}

type Known = Pick<Settings, "config" | "inventory"> & { readonly trace: TraceContext | null };

interface Explanation {
  readonly decision: "reply" | "ignore";
  readonly reason: string;
  readonly reply?: {
    readonly destination: string;
    readonly hex: string;
    readonly packet: DescribedPacket;
  };
}

/**
 * `eim-pxe explain`: what the server would answer to a DHCP packet, and why. Sends nothing, binds nothing
 * and changes nothing.
 */
export async function explain(
  program: Program,
  file: string | null,
  options: ExplainOptions,
): Promise<number> {
  const config = loadConfiguration(file, program.environment);
  const trace = traceOf(program.environment);
  const settings = { config, inventory: loadInventory(config), trace };
  const link = linkNamed(settings, options.interface);
  const source = sourceOf(options.source);
  const bytes = await packetBytes(program, options.hex);
  const explanation = await answerTo(bytes, source, link, options.port, settings);
  program.out.write(`${JSON.stringify(explanation, null, program.outIsTerminal ? 2 : 0)}\n`);
  return ExitCode.ok;
}

async function answerTo(
  bytes: Uint8Array,
  source: Source,
  link: Link | null,
  port: number,
  settings: Known,
): Promise<Explanation> {
  if (link === null) return ignore("DHCP is off on this interface");
  const knowledge = await knowledgeOf(settings);
  const asSmee = knowledge.smee !== null;
  let request: DhcpRequest;
  try {
    const packet = decodePacket(bytes, asSmee ? "strict" : "liberal");
    request = readRequest(packet, source, settings.config.boot.vendorClasses);
  } catch (error) {
    if (error instanceof DecodeError) return ignore(`malformed: ${error.message}`);
    throw error;
  }
  const role = port === 4011 ? "boot-server" : "server";
  const effects = decide(request, link, role, knowledge, systemClock.wall());
  const send = effects.find((effect) => effect.kind === "send");
  if (send === undefined) {
    const reasons = effects.flatMap((effect) => {
      if (effect.kind === "ignore") return [effect.reason];
      if (effect.kind !== "event" || !("reason" in effect.event)) return [];
      const { event } = effect;
      return "remedy" in event ? [event.reason, event.remedy] : [event.reason];
    });
    return ignore(reasons.join("; ") || "nothing to answer");
  }
  return {
    decision: "reply",
    reason: reasonFor(request, link, knowledge, send.packet.file),
    reply: {
      destination: `${send.to.address}:${send.to.port}`,
      hex: toHex(encodePacket(send.packet, asSmee ? "by-code" : "type-first")),
      packet: describePacket(send.packet),
    },
  };
}

function ignore(reason: string): Explanation {
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
async function knowledgeOf({ config, inventory, trace }: Known): Promise<Knowledge> {
  const leases = new LeaseTable();
  const journal = await readFile(journalFile(config.dataDir)).catch(() => new Uint8Array());
  for (const lease of replayJournal(journal).leases) leases.restore(lease);
  const policy = policyOf(config);
  const offerStyles = new OfferStyleTable();
  offerStyles.restore(await readOfferStyles(config.dataDir).catch(() => []));
  return {
    plan: (client, node, link) =>
      planBoot(client, node, policy, `http://${link.address}:${config.http.port}`),
    findNode: inventory.find,
    reservedFor: inventory.reservedFor,
    leases,
    offerStyles,
    offers: new OfferTable(),
    smee: smeeOf(config, { tftpPort: config.tftp.port, httpPort: config.http.port, trace }),
  };
}

function linkNamed({ config }: Known, name: string | null): Link | null {
  const links = configuredLinks(config, readInterfaces());
  const found = name === null ? links[0] : links.find((link) => link.interface === name);
  if (found !== undefined) return found.dhcp;
  const known = links.map((link) => link.interface).join(", ");
  throw new ConfigError([`--interface ${name ?? ""} is not configured; configured: ${known}`]);
}

function sourceOf(text: string | null): Source {
  if (text === null) return { address: "0.0.0.0", port: 68 };
  const at = text.lastIndexOf(":");
  const address = parseIp4(text.slice(0, at));
  const port = Number(text.slice(at + 1));
  if (at > 0 && address !== null && Number.isInteger(port) && port >= 0 && port <= 65535) {
    return { address, port };
  }
  throw new ConfigError([`--source ${text}: must be IP:PORT, such as 0.0.0.0:68`]);
}

async function packetBytes(program: Program, hex: string): Promise<Uint8Array> {
  const bytes = fromHex(hex === "-" ? await readAll(program.in) : hex);
  if (bytes !== null && bytes.length > 0) return bytes;
  throw new ConfigError([
    "the packet must be the UDP payload in hex digits, or - to read it from standard input",
  ]);
}
