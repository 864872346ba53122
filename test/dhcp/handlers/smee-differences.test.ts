import { describe, expect, it } from "vitest";
import { planBoot } from "../../../src/boot/policy.ts";
import { smeeLayouts } from "../../../src/boot/smee-layout.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { decide, type Role } from "../../../src/dhcp/handlers/decide.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { decodePacket, type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { concat, fromHex } from "../../../src/lib/bytes.ts";
import { createInventory } from "../../../src/nodes/inventory.ts";
import { parseNodes } from "../../../src/nodes/nodes-file.ts";
import { fullLink, policy, proxyLink, sent } from "../../support/dhcp.ts";
import { type Difference, differencesOf, type Sent } from "../../support/smee-differences.ts";
import { httpPortOf, nodesOf } from "../../support/smee-site.ts";
import {
  type SmeeVector,
  smeeVectors,
  vectorAddress,
  vectorTrace,
} from "../../support/smee-vectors.ts";

/** Wide enough for the relay agent of V16. */
const subnet = { network: "192.168.0.0", prefixLength: 16 };
const base = { address: vectorAddress, subnet };
/** SMEE's reservations without pools, and its syslog address. */
const reservations: Link = {
  ...fullLink,
  ...base,
  full: { ...fullLink.full, pools: [], logServers: [vectorAddress] },
};

function packetOf(hex: string): DhcpPacket {
  return decodePacket(fromHex(hex) ?? new Uint8Array());
}

function comparisonOf(vector: SmeeVector, role: Role = "server") {
  const link = vector.mode === "reservation" ? reservations : { ...proxyLink, ...base };
  const [address = "", port = ""] = vector.source.split(":");
  const request = readRequest(packetOf(vector.request), { address, port: Number(port) });
  const inventory = createInventory(parseNodes(JSON.stringify(nodesOf(vector)), "nodes.yaml"));
  const httpPort = httpPortOf(vector);
  // SMEE's two lines name their loaders differently; who moves keeps the files, by boot.loaders.
  const { loaders } = smeeLayouts[vector.flavour];
  const unknownNodes = vector.mode === "proxy" ? "deny" : "allow";
  const rules = { ...policy, loaders, unknownNodes } as const;
  const effects = decide(
    request,
    link,
    role,
    {
      plan: (client, node) => planBoot(client, node, rules, `http://${vectorAddress}:${httpPort}`),
      findNode: inventory.find,
      reservedFor: inventory.reservedFor,
      leases: new LeaseTable(),
      offerStyles: new OfferStyleTable(),
      offers: new OfferTable(),
      smee: null,
    },
    1_800_000_000_000,
  );
  const [ours] = sent(effects).map(({ packet, to }): Sent => ({
    packet,
    destination: `${to.address}:${to.port}`,
  }));
  return {
    request,
    mode: role === "boot-server" ? role : link.mode,
    smee: role === "boot-server" ? null : smeeSent(vector),
    ours: ours ?? null,
    address: vectorAddress,
    httpPort,
    denied: vector.hardware === "nopxe",
  } as const;
}

/** What SMEE sends while it does not trace: to trace is a switch of its own, here in its compatibility. */
function smeeSent({ reply }: SmeeVector): Sent | null {
  if (reply === null) return null;
  const packet = packetOf(reply.hex);
  const options = new Map(packet.options);
  const vendor = options.get(43) ?? new Uint8Array();
  const trace = vendor.length - 26;
  if (vendor[trace - 2] === 69) {
    options.set(43, concat([vendor.subarray(0, trace), new Uint8Array(26)]));
  }
  const file = packet.file.replace(`-${vectorTrace}`, "");
  return { packet: { ...packet, file, options }, destination: reply.destination };
}

/** The numbers of the list that a vector shows, and the vectors that show just these. */
const proxied = {
  "": "V10 V14 V17 V25 V26 V27 V31 V35",
  "2 3": "V01 V02 V03 V04",
  "2 3 6": "V16 V18 V21 V22 V30 V33",
  "1 2 3": "V05",
  "1 2 3 6": "V06 V24 V32",
  "4": "V08",
  "9": "V19",
  "12": "V11",
};
const reserved = {
  "": "V21 V26",
  "2 3 7": "V01 V02 V03 V04 V16 V18 V22 V33",
  "1 2 3 7": "V05 V32",
  "1 2 3 7 8": "V06",
  "2 3 7 8": "V24",
  "7": "V08 V10 V17 V25 V27 V30 V31 V35",
  "7 9": "V14 V19",
  "2 3 7 12": "V11",
};

function expectedOf({ flavour, mode, id }: SmeeVector): string {
  // Unknown machines hear nothing in mode proxy, and the stand-alone SMEE is silent to refused ones, too.
  const silent = flavour === "smee-standalone" ? ["V19", "V21"] : ["V21"];
  if (mode === "proxy" && silent.includes(id)) return "";
  const table = mode === "reservation" ? reserved : proxied;
  const found = Object.entries(table).find(([, ids]) => ids.split(" ").includes(id));
  return found?.[0] ?? "not in the table";
}

function numbersOf(differences: readonly Difference[]): string {
  const numbers = new Set(differences.flatMap(({ number }) => number ?? []));
  return [...numbers].toSorted((a, b) => a - b).join(" ");
}

describe("standard beside SMEE", () => {
  it.each(smeeVectors)(
    "differs in nothing but the list for $flavour $mode $id: $name",
    (vector) => {
      const differences = differencesOf(comparisonOf(vector));
      expect(differences.filter(({ number }) => number === null)).toEqual([]);
      expect(numbersOf(differences)).toBe(expectedOf(vector));
    },
  );

  it("answers on port 4011, where SMEE does not listen (5)", () => {
    const found = smeeVectors.flatMap((vector) =>
      differencesOf(comparisonOf(vector, "boot-server")).map((one) => ({ ...one, id: vector.id })),
    );
    expect(found.filter(({ number }) => number !== 5)).toEqual([]);
    expect([...new Set(found.map(({ id }) => id))]).toEqual(["V02", "V08", "V25"]);
  });

  it("was compared for every vector of both lines in the three modes", () => {
    const counts = (["smee", "smee-standalone"] as const).map(
      (line) => smeeVectors.filter(({ flavour }) => flavour === line).length,
    );
    expect(counts).toEqual([75, 63]);
  });
});
