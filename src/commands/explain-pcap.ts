import { readFile } from "node:fs/promises";
import { type Datagram, isDhcp, ports } from "../capture/datagram.ts";
import { type CapturedDatagram, datagramsOf } from "../capture/pcap-reader.ts";
import { knownInventory } from "../daemon/nodes/kept-hardware.ts";
import { loadConfiguration } from "../daemon/settings/settings.ts";
import { traceOf } from "../daemon/settings/environment.ts";
import { printable } from "../lib/bytes.ts";
import { ConfigError, DecodeError, messageOf } from "../lib/errors.ts";
import { type Explanation, knowledgeOf } from "./explain-answer.ts";
import { Replay, type ReplayedRequest } from "./explain-replay.ts";
import { ExitCode, type Program } from "./shared/context.ts";

export interface ExplainPcapOptions {
  /** The capture file. */
  readonly pcap: string;
  /** The interface that the packets came in on; null: by their destination, else the first that is configured. */
  readonly interface: string | null;
  readonly json: boolean;
}

/**
 * `eim-pxe explain --pcap FILE`: what the server would answer to every DHCP request of a capture, one after
 * the other, and why. Sends nothing, binds nothing and changes nothing. As JSON each request is a line.
 *
 * @throws ConfigError (exit 2) when the file cannot be read or is damaged; what stands before the damage is
 *   explained first
 */
export async function explainPcap(
  program: Program,
  file: string | null,
  options: ExplainPcapOptions,
): Promise<number> {
  const config = loadConfiguration(file, program.environment);
  const trace = traceOf(program.environment);
  const known = { config, inventory: await knownInventory(config), trace };
  const capture = await readFile(options.pcap).catch((error: unknown) => {
    throw new ConfigError([`${options.pcap}: cannot be read: ${messageOf(error)}`]);
  });
  const { datagrams, damage } = sound(capture);
  const hearsServers = datagrams.some((datagram) => isReply(datagram));
  const replay = new Replay(known, await knowledgeOf(known), options.interface, hearsServers);
  const asJson = options.json || !program.outIsTerminal;
  let requests = 0;
  for (const datagram of datagrams) {
    const explained = replay.hear(datagram);
    if (explained === null) continue;
    requests += 1;
    program.out.write(asJson ? `${JSON.stringify(asObject(explained))}\n` : asText(explained));
  }
  if (damage !== null) {
    throw new ConfigError([
      `${options.pcap}: ${damage.reason} (at byte ${damage.offset}); ${requests} DHCP requests before that were explained`,
    ]);
  }
  if (requests === 0) {
    program.err.write(
      `no DHCP request is in ${options.pcap} (${datagrams.length} UDP datagrams): what clients send to UDP 67 and 4011 is explained\n`,
    );
  }
  return ExitCode.ok;
}

/** What can be read of a capture, and where it ends before its time. */
function sound(file: Uint8Array): {
  readonly datagrams: readonly CapturedDatagram[];
  readonly damage: DecodeError | null;
} {
  const datagrams: CapturedDatagram[] = [];
  try {
    for (const datagram of datagramsOf(file)) datagrams.push(datagram);
    return { datagrams, damage: null };
  } catch (error) {
    if (error instanceof DecodeError) return { datagrams, damage: error };
    throw error;
  }
}

function isReply(datagram: Datagram): boolean {
  return isDhcp(datagram) && datagram.source.port === ports.server && datagram.payload[0] === 2;
}

function asObject({ datagram, mac, type, explanation }: ReplayedRequest): object {
  const { number, source, destination, atMs } = datagram;
  return {
    packet: number,
    at: new Date(atMs).toISOString(),
    source: `${source.address}:${source.port}`,
    destination: `${destination.address}:${destination.port}`,
    mac,
    type,
    ...explanation,
  };
}

function asText(replayed: ReplayedRequest): string {
  const { datagram, mac, type, explanation } = replayed;
  const { number, source, atMs } = datagram;
  const time = new Date(atMs).toISOString().slice(11, 23);
  const from = `from ${source.address}:${source.port}`;
  return [
    `packet ${number}, ${time}: ${type} of ${mac ?? "a damaged packet"} ${from}`,
    `  ${decisionOf(explanation)}`,
    `  because: ${printable(explanation.reason, 1000)}`,
    "",
  ].join("\n");
}

function decisionOf({ reply }: Explanation): string {
  if (reply === undefined) return "no answer";
  const { packet, destination } = reply;
  const type = packet.options.find(({ code }) => code === 53)?.value ?? "BOOTREPLY";
  const address = packet.yiaddr === "0.0.0.0" ? "" : `, address ${packet.yiaddr}`;
  const boots = packet.file === "" ? "" : `, boot file ${printable(packet.file)}`;
  return `answer: ${type} to ${destination}${address}${boots}`;
}
