import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { fromHex, toText } from "../../src/lib/bytes.ts";
import { decodedOrNull } from "../../src/lib/errors.ts";
import { macFromBytes } from "../../src/lib/mac.ts";
import { fieldBytes, fieldVariant } from "../support/field.ts";
import { configurationOf, nodesOf } from "../support/smee-site.ts";
import { smeeVectors, vectorTrace } from "../support/smee-vectors.ts";
import { firmwareRequests } from "../support/dhcp.ts";
import { type Seen, type WatchedSite, whatIsSeen } from "../support/watched-site.ts";

/*
 * A machine that wanted to boot and was not served is never only a debug line (field faults 6, 12, 13, 14):
 * for every request of the vectors that is not answered, where an administrator sees that, and with which
 * reason.
 */

interface Input {
  readonly name: string;
  readonly site: WatchedSite;
  readonly payload: Uint8Array;
  readonly from: string;
  readonly port: number;
}

const folder = new URL("../fixtures/field/", import.meta.url);
const configurationNamed = (name: string) =>
  readFileSync(new URL(`${name}.yaml`, folder), "utf8").replace("./data", "/tmp/unused");
const unknownDenied = 'nodes: { unknown: "deny" }\n';

const field = readdirSync(folder)
  .filter((name) => name.endsWith(".hex"))
  .map((name) => name.replace(".hex", ""))
  .toSorted()
  .flatMap((name) =>
    ["proxy", "full"].map((mode): Input => ({
      name: `${name}, ${mode}`,
      site: { configuration: configurationNamed(mode) },
      payload: fieldBytes(name),
      from: name.includes("relay") ? "10.1.0.1:67" : "0.0.0.0:68",
      port: name.includes("4011") ? 4011 : 67,
    })),
  );

const vectors = smeeVectors.map((vector): Input => ({
  name: `${vector.flavour} ${vector.id} ${vector.name}, ${vector.mode}`,
  site: {
    configuration: JSON.stringify({
      ...configurationOf(vector, { interface: "eth9", dataDir: "/tmp/unused", nodes: "" }),
      nodes: { unknown: vector.mode === "proxy" ? "deny" : "allow" },
    }),
    nodes: JSON.stringify(nodesOf(vector)),
    trace: vector.traced ? vectorTrace : null,
  },
  payload: fromHex(vector.request) ?? new Uint8Array(),
  from: vector.source,
  port: 67,
}));

/** Real firmware that may not boot. */
const denied = firmwareRequests().flatMap(({ payload, destination }, index) =>
  ["proxy", "full"].map((mode): Input => ({
    name: `firmware.pcap ${index + 1}, ${mode}, unknown machines are denied`,
    site: { configuration: configurationNamed(mode) + unknownDenied },
    payload,
    from: "0.0.0.0:68",
    port: destination.port,
  })),
);

/** More reasons for which a machine that asks as UEFI's PXE is not served. */
const uefi = "c12d-no-94";
const ask = (
  name: string,
  mode: "proxy" | "full",
  payload: Uint8Array,
  changes: { readonly nodes?: string; readonly port?: number; readonly pools?: boolean } = {},
): Input => ({
  name: `${name}, ${mode}`,
  site: {
    configuration:
      changes.pools === false
        ? configurationNamed(mode).replace(/ +pools: \["192.+\n/, "")
        : configurationNamed(mode),
    nodes: changes.nodes ?? "[]",
  },
  payload,
  from: "0.0.0.0:68",
  port: changes.port ?? 67,
});
const agent = (linkSelection: readonly number[]) => ({ 82: [5, 4, ...linkSelection] });
const typed = (type: number) => fieldVariant(uefi, {}, { 53: [type] });
const noCookie = fieldBytes(uefi).map((byte, at) => (at === 236 ? 0 : byte));
const siblings = (["proxy", "full"] as const).flatMap((mode) => {
  const { chaddr } = decodePacket(fieldBytes(uefi));
  const entry = (line: string) => `[{ mac: "${macFromBytes(chaddr)}", ${line} }]`;
  return [
    ask("an entry says dhcp: false", mode, fieldBytes(uefi), { nodes: entry("dhcp: false") }),
    ask("an entry says netboot: deny", mode, fieldBytes(uefi), { nodes: entry("netboot: deny") }),
    ask("no magic cookie", mode, noCookie),
    ask("BOOTP", mode, fieldVariant(uefi, {}, { 53: null })),
    ask("DHCPINFORM", mode, typed(MessageType.INFORM)),
    ask("DHCPDISCOVER to port 4011", mode, fieldBytes(uefi), { port: 4011 }),
    ask("no hardware address", mode, fieldVariant(uefi, { chaddr: new Uint8Array() })),
    ask("an architecture without a loader", mode, fieldVariant(uefi, {}, { 93: [0, 99] })),
    ask("no pool", mode, fieldBytes(uefi), { pools: false }),
    ask(
      "a relay agent names another network",
      mode,
      fieldVariant(uefi, { giaddr: "192.168.88.254" }, agent([10, 99, 0, 0])),
    ),
  ];
});

/** What is no refusal: the machine has what it needs from somebody else, or asks nobody. */
const normal =
  /^(addressed to another server|addressed to no server|a boot item that is not ours|not a BOOTREQUEST|message type \d+ is not for|another server may know this machine)/;

/** By the words of option 60, or by option 93, which only boot firmware sends. */
function wantsToBoot({ payload }: Input): boolean {
  const announces = decodedOrNull(() => decodePacket(payload))?.options.has(93) === true;
  const discovers = messageTypeOf(payload) === MessageType.DISCOVER;
  return (
    /PXEClient|HTTPClient/.test(Buffer.from(payload).toString("latin1")) || (announces && discovers)
  );
}

/** Whether the machine is given something to boot. */
function boots({ reply }: Seen): boolean {
  const option67 = reply?.options.get(67) ?? new Uint8Array();
  const file = `${reply?.file ?? ""}${toText(option67)}`;
  return file !== "" && !file.includes("netboot-not-allowed");
}

/** A machine asks anew with each DHCPDISCOVER; with other messages only the silence counts. */
function isServed(input: Input, seen: Seen): boolean {
  const discovers = messageTypeOf(input.payload) === MessageType.DISCOVER;
  return discovers && wantsToBoot(input) ? boots(seen) : seen.reply !== null;
}

function messageTypeOf(payload: Uint8Array): number | null {
  return decodedOrNull(() => decodePacket(payload))?.options.get(53)?.[0] ?? null;
}

/** Where the request is to be seen: level, event and reason of the log, and the status of its boot. */
function rowOf({ lines, boots: timeline }: Seen): string {
  const said = lines
    .filter(({ reason }) => reason !== undefined)
    .map(({ level, event, reason }) => `${level} ${event}: ${reason}`);
  return [...said, ...timeline.map(({ status, stage }) => `boots: ${status} at ${stage}`)].join(
    " · ",
  );
}

/** What is missing of what an administrator has to see of a request that is not served. */
function missingOf(input: Input, { lines, boots: timeline, nodes }: Seen): readonly string[] {
  const ignored = lines.find(({ event }) => event === "dhcp-ignored");
  if (ignored !== undefined && (!wantsToBoot(input) || normal.test(ignored.reason ?? "")))
    return [];
  const refusal = lines.find(({ event }) => event === "dhcp-refused");
  if (refusal?.level !== "warn") return ["no dhcp-refused at level warn"];
  const [boot] = timeline;
  const has = (diagnosis: string | null | undefined) =>
    diagnosis?.includes(refusal.reason ?? "no reason") === true;
  const entry = nodes.find(({ mac }) => mac === boot?.mac);
  return [
    ...(has(boot?.diagnosis?.cause) ? [] : ["no reason in /api/v1/boots"]),
    ...(boot?.status === "denied" || boot?.status === "stalled" ? [] : ["no status"]),
    ...(boot?.mac === null || has(entry?.boot?.diagnosis) ? [] : ["no reason in /api/v1/nodes"]),
  ];
}

describe.each([
  ["the field", "field", field],
  ["more machines", "siblings", siblings],
  ["SMEE's vectors", "smee", vectors],
  ["firmware that may not boot", "firmware", denied],
] as const)("of %s", (_, name, inputs) => {
  it("each request of a machine that wanted to boot and is not served is seen, with the reason", async () => {
    const rows: string[] = [];
    const missing: string[] = [];
    for (const input of inputs) {
      const seen = await whatIsSeen(input.site, input.payload, input.from, input.port);
      if (isServed(input, seen)) continue;
      rows.push(`${input.name} | ${rowOf(seen)}`);
      missing.push(...missingOf(input, seen).map((what) => `${input.name}: ${what}`));
    }
    expect(missing).toEqual([]);
    await expect(`${rows.join("\n")}\n`).toMatchFileSnapshot(`../fixtures/unserved/${name}.txt`);
  });
});
