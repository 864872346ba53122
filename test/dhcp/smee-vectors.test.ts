import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { NodeEntry } from "../../src/boot/node.ts";
import type { SmeeFlavour } from "../../src/boot/smee.ts";
import type { Link } from "../../src/dhcp/link.ts";
import { decodePacket, encodePacket } from "../../src/dhcp/packet.ts";
import { readRequest } from "../../src/dhcp/request.ts";
import { handleSmee } from "../../src/dhcp/smee.ts";
import { fromHex, fromText, toHex } from "../../src/lib/bytes.ts";
import { formatEndpoint } from "../../src/net/udp.ts";
import { nodeEntry } from "../support/node-entry.ts";

/*
 * Requests with the exact replies of Tinkerbell SMEE, of both of its lines, in its three modes.
 */

const vectorFile = z.object({
  vectors: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      hardware: z.string(),
      udp_source: z.string(),
      request_hex: z.string(),
      replies: z.record(
        z.string(),
        z.union([
          z.object({ dst: z.string(), hex: z.string() }),
          z.object({ no_reply: z.string() }),
        ]),
      ),
    }),
  ),
});

const address = "192.168.2.112";
const base = { interface: "eth0", address, subnet: { network: "192.168.2.0", prefixLength: 24 } };
const links: Readonly<Record<string, Link>> = {
  reservation: {
    ...base,
    mode: "full",
    full: {
      pools: [],
      router: [],
      dns: [],
      ntp: [],
      logServers: [],
      domain: null,
      leaseSeconds: 3600,
      netbootLeaseSeconds: 120,
      options: [],
      authoritative: true,
    },
  },
  proxy: { ...base, mode: "proxy" },
  "auto-proxy": { ...base, mode: "proxy" },
};

const full = nodeEntry({
  name: "pxe-virtualbox",
  domain: "example.com",
  leaseSeconds: 86400,
  dns: ["8.8.8.8", "1.1.1.1"],
  ntp: ["132.163.96.2"],
  address: "192.168.2.153",
  netmask: "255.255.255.0",
  router: ["192.168.2.1"],
});

/** The hardware records of the vectors as node entries. */
function nodeOf(hardware: string, flavour: SmeeFlavour): NodeEntry | null {
  const whole =
    flavour === "smee"
      ? full
      : { ...full, broadcast: "192.168.2.255", domainSearch: ["example.com"] };
  switch (hardware) {
    case "none":
      return null;
    case "nopxe":
      return { ...whole, netboot: "deny" };
    case "min":
      return nodeEntry({ address: full.address, netmask: full.netmask });
    case "noip":
      return nodeEntry({});
    case "o6667":
      return {
        ...whole,
        options: [
          { code: 66, value: fromText("10.1.1.1") },
          { code: 67, value: fromText("onie-installer") },
        ],
      };
    case "bin":
      return { ...whole, loader: "snp-x86_64.efi" };
    case "script":
      return { ...whole, scriptUrl: "https://boot.netboot.xyz" };
    case "routes":
      return {
        ...whole,
        routes: [
          { network: "10.0.0.0", prefixLength: 8, via: "192.168.2.2" },
          { network: "192.168.77.0", prefixLength: 25, via: "192.168.2.3" },
          { network: "0.0.0.0", prefixLength: 0, via: "192.168.2.1" },
        ],
      };
    default:
      return whole;
  }
}

const cases = (["smee", "smee-standalone"] as const).flatMap((flavour) => {
  const file = flavour === "smee" ? "smee-current" : flavour;
  const text = readFileSync(`test/fixtures/${file}.json`, "utf8");
  return vectorFile.parse(JSON.parse(text)).vectors.flatMap((vector) =>
    Object.entries(vector.replies)
      // With tracing on, SMEE writes a trace into its reservations; there is no tracing here.
      .filter(([mode]) => !(vector.hardware === "otel" && mode === "reservation"))
      .map(([mode, reply]) => ({ flavour, mode, reply, ...vector })),
  );
});

describe("handleSmee", () => {
  it.each(cases)("$flavour $mode $id: $name", (vector) => {
    const [source = "", port = ""] = vector.udp_source.split(":");
    const bytes = fromHex(vector.request_hex) ?? new Uint8Array();
    const request = readRequest(decodePacket(bytes), { address: source, port: Number(port) });
    const link = links[vector.mode];
    if (link === undefined) throw new Error(`no mode ${vector.mode}`);
    const effects = handleSmee(request, nodeOf(vector.hardware, vector.flavour), link, {
      flavour: vector.flavour,
      tftpPort: 69,
      httpPort: vector.flavour === "smee" ? 7080 : 8080,
      loaders: new Map(),
      unknownNodes: vector.mode === "proxy" ? "deny" : "allow",
    });
    const sent = effects.flatMap((effect) =>
      effect.kind === "send"
        ? [{ dst: formatEndpoint(effect.to), hex: toHex(encodePacket(effect.packet)) }]
        : [],
    );
    const expected =
      "hex" in vector.reply ? [{ dst: vector.reply.dst, hex: vector.reply.hex }] : [];
    expect(sent).toEqual(expected);
  });
});
