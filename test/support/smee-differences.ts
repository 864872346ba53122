import { architectureOf } from "../../src/boot/architecture.ts";
import type { DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import type { DhcpRequest } from "../../src/dhcp/message/request.ts";
import { concat, fromText, readU32, toHex, u32 } from "../../src/lib/bytes.ts";
import type { Ip4 } from "../../src/lib/ip4.ts";

/*
 * How our answers in compatibility `standard` may differ from SMEE's: the list in
 * docs/migrating-from-smee.md as rules, each with the very value that it leads to.
 */

/** An answer and where it goes; null: silence. */
export interface Sent {
  readonly packet: DhcpPacket;
  readonly destination: string;
}

/** One request and both answers to it. */
export interface Comparison {
  readonly request: DhcpRequest;
  readonly mode: "full" | "proxy" | "boot-server";
  readonly smee: Sent | null;
  readonly ours: Sent | null;
  readonly address: Ip4;
  readonly httpPort: number;
  /** The machine's entry says netboot: deny. */
  readonly denied: boolean;
}

/** A field or option in which they differ; text as it is, options in hex, null where it is absent. */
export interface Difference {
  readonly field: string;
  readonly smee: string | null;
  readonly ours: string | null;
  /** Its number in the list; null: in none of its entries. */
  readonly number: number | null;
}

/** Every difference, in the order of the packet. */
export function differencesOf(the: Comparison): readonly Difference[] {
  const smee = fieldsOf(the.smee);
  const ours = fieldsOf(the.ours);
  // Of an answer that only one of them gives there is nothing to compare but that.
  const both = the.smee !== null && the.ours !== null;
  const fields = both ? [...new Set([...smee.keys(), ...ours.keys()])] : [ANSWERS];
  return fields.flatMap((field) => {
    const pair = { field, smee: smee.get(field) ?? null, ours: ours.get(field) ?? null };
    if (pair.smee === pair.ours) return [];
    const rule = rules.find((one) => one.fields.includes(field) && one.holds(pair, the));
    return [{ ...pair, number: rule?.number ?? null }];
  });
}

/** Whether there is an answer at all. */
const ANSWERS = "answers";

function fieldsOf(sent: Sent | null): ReadonlyMap<string, string> {
  if (sent === null) return new Map([[ANSWERS, "no"]]);
  const { options, chaddr, ...header } = sent.packet;
  const named = Object.entries(header).map(([name, value]) => [name, String(value)] as const);
  const valued = Array.from(options, ([code, value]) => [`option ${code}`, toHex(value)] as const);
  const rest = [[ANSWERS, "yes"] as const, ["destination", sent.destination] as const];
  return new Map([...rest, ...named, ["chaddr", toHex(chaddr)], ...valued]);
}

interface Rule {
  readonly number: number;
  readonly fields: readonly string[];
  readonly holds: (pair: Omit<Difference, "number">, the: Comparison) => boolean;
}

const hex = (text: string) => toHex(fromText(text));
/** 43.69 while nothing is traced. */
const noTrace = toHex(concat([Uint8Array.of(69, 26), new Uint8Array(26)]));

const rules: readonly Rule[] = [
  {
    number: 1,
    fields: ["file"],
    holds: ({ ours }, { request, address, httpPort }) => {
      const { client, mac } = request;
      const folder = `http://${address}:${httpPort}/${mac}/`;
      if (client.userClasses.length > 0) return ours === `${folder}boot.ipxe`;
      return client.transport === "http" && ours === `${folder}ipxe.efi`;
    },
  },
  {
    number: 2,
    fields: ["option 97"],
    holds: ({ smee, ours }, { request }) => {
      const sent = request.packet.options.get(97);
      return sent === undefined ? smee === "" && ours === null : ours === toHex(sent);
    },
  },
  {
    number: 2,
    fields: ["option 43"],
    holds: ({ smee, ours }) => ours === `${(smee ?? "").replace(noTrace, "")}ff`,
  },
  {
    number: 3,
    fields: ["option 66"],
    holds: ({ smee, ours }, the) => smee === null && ours === hex(the.address),
  },
  {
    number: 3,
    fields: ["option 67"],
    holds: ({ smee, ours }, the) => {
      const file = hex(the.ours?.packet.file ?? "");
      return (smee === null || smee === file) && ours === `${file}00`;
    },
  },
  {
    number: 3,
    fields: ["siaddr"],
    holds: ({ ours }, the) => hex(ours ?? "") === fieldsOf(the.ours).get("option 66"),
  },
  {
    number: 4,
    fields: [ANSWERS],
    holds: ({ ours }, { request, mode, address }) =>
      ours === "no" &&
      mode === "proxy" &&
      request.messageType === 3 &&
      request.serverId !== address,
  },
  {
    number: 5,
    fields: [ANSWERS],
    holds: ({ smee }, { mode, request, ours }) =>
      smee === "no" &&
      mode === "boot-server" &&
      request.client.transport === "pxe" &&
      ours?.destination.endsWith(`:${request.source.port}`) === true,
  },
  {
    number: 6,
    fields: ["flags"],
    holds: ({ smee, ours }, { mode }) =>
      mode === "proxy" && Number(ours) === (Number(smee) | 0x8000),
  },
  {
    number: 7,
    fields: ["option 51", "option 58", "option 59"],
    holds: ({ field, smee, ours }, the) => {
      const seconds = readU32(the.ours?.packet.options.get(51) ?? u32(0), 0);
      const given = {
        // A time that SMEE has is never another one here.
        "option 51": smee === "00000000" && seconds > 0 ? seconds : null,
        "option 58": Math.floor(seconds / 2),
        "option 59": Math.floor((seconds * 7) / 8),
      }[field];
      return the.mode === "full" && typeof given === "number" && ours === toHex(u32(given));
    },
  },
  {
    number: 7,
    fields: ["ciaddr"],
    holds: ({ ours }, { mode, request }) => mode === "full" && ours === request.packet.ciaddr,
  },
  { number: 7, fields: [ANSWERS], holds: (_, the) => isServersOwn(the) },
  {
    number: 8,
    fields: ["option 175"],
    // 176 of one byte: true.
    holds: ({ smee, ours }, { mode, request }) =>
      smee === null &&
      ours === "b00101" &&
      mode === "full" &&
      request.client.userClasses.length > 0,
  },
  {
    number: 9,
    fields: ["file"],
    holds: ({ smee, ours }) => smee === "/netboot-not-allowed" && ours === "",
  },
  {
    number: 9,
    fields: [ANSWERS],
    // The stand-alone one's auto-proxy does not look at its records, so not at a refusal either.
    holds: ({ ours }, { mode, denied }) => ours === "no" && mode === "proxy" && denied,
  },
  {
    number: 12,
    fields: [ANSWERS],
    holds: ({ ours }, { mode, request }) => ours === "yes" && mode === "proxy" && isOdd(request),
  },
  {
    number: 12,
    fields: ["file", "option 43"],
    holds: ({ field, smee, ours }, { request }) => {
      const [code = -1] = request.client.architectures;
      const right = field === "file" ? architectureOf(code)?.loader : "060108ff";
      return isOdd(request) && (smee ?? "") === "" && ours === right;
    },
  },
];

/** A PXE client that lacks option 94, for which SMEE has no boot information. */
function isOdd({ client, packet }: DhcpRequest): boolean {
  return client.transport === "pxe" && !packet.options.has(94);
}

/**
 * Where RFC 2131 has a server do what SMEE does not: answer DHCPINFORM; and not answer a BOOTREPLY, a
 * DHCPREQUEST that asks for no address, and a machine for which there is none.
 */
function isServersOwn({ request, mode, smee, ours }: Comparison): boolean {
  if (mode !== "full") return false;
  const { packet, messageType } = request;
  if (smee === null) return messageType === 8 && ours?.packet.yiaddr === "0.0.0.0";
  const names = packet.ciaddr !== "0.0.0.0" || request.requestedAddress !== null;
  return packet.op !== 1 || (messageType === 3 && !names) || smee.packet.yiaddr === "0.0.0.0";
}
