import { text as readAll } from "node:stream/consumers";
import type { Link } from "../dhcp/link.ts";
import type { Source } from "../dhcp/message/request.ts";
import { fromHex } from "../lib/bytes.ts";
import { systemClock } from "../lib/clock.ts";
import { ConfigError } from "../lib/errors.ts";
import { parseIp4 } from "../lib/ip4.ts";
import { knownInventory } from "../daemon/nodes/kept-hardware.ts";
import { loadConfiguration } from "../daemon/settings/settings.ts";
import {
  explained,
  type Explanation,
  ignore,
  knowledgeOf,
  type Known,
  linkNamed,
  linksOf,
  notReadable,
  readPacket,
} from "./explain-answer.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { traceOf } from "../daemon/settings/environment.ts";

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
  const settings = { config, inventory: await knownInventory(config), trace };
  const link = linkNamed(linksOf(settings), options.interface);
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
  try {
    const request = readPacket(bytes, source, settings, knowledge);
    const role = port === 4011 ? "boot-server" : "server";
    return explained(request, link, role, knowledge, systemClock.wall()).explanation;
  } catch (error) {
    return notReadable(error);
  }
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
