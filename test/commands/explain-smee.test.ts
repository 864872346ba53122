import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { explain } from "../../src/commands/explain.ts";
import { decodePacket } from "../../src/dhcp/packet.ts";
import { fromHex } from "../../src/lib/bytes.ts";
import { macFromBytes } from "../../src/lib/mac.ts";
import { FakeProgram } from "../support/program.ts";
import { type SmeeVector, smeeVectors, vectorAddress } from "../support/smee-vectors.ts";

/*
 * A site that moves from SMEE writes its records as node entries and its mode as ours; then every
 * answer is the same, byte for byte.
 */

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-smee-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, value: unknown): string {
  const file = join(folder, name);
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(value));
  return file;
}

const network = { address: "192.168.2.153", netmask: "255.255.255.0" };
const full = {
  ...network,
  name: "pxe-virtualbox",
  domain: "example.com",
  leaseSeconds: 86400,
  dns: ["8.8.8.8", "1.1.1.1"],
  ntp: ["132.163.96.2"],
  router: "192.168.2.1",
};

function record({ hardware, flavour }: SmeeVector): object | null {
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
      return network;
    case "noip":
      return {};
    case "o6667":
      return {
        ...whole,
        options: [
          { code: 66, text: "10.1.1.1" },
          { code: 67, text: "onie-installer" },
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
          { to: "10.0.0.0/8", via: "192.168.2.2" },
          { to: "192.168.77.0/25", via: "192.168.2.3" },
          { to: "0.0.0.0/0", via: "192.168.2.1" },
        ],
      };
    default:
      return whole;
  }
}

function configure(vector: SmeeVector): string {
  const { chaddr } = decodePacket(fromHex(vector.request) ?? new Uint8Array());
  const entry = record(vector);
  const nodes = entry === null ? [] : [{ mac: macFromBytes(chaddr), ...entry }];
  const mode = vector.mode === "reservation" ? "full" : "proxy";
  return write("eim-pxe.yaml", {
    dataDir: "data",
    interfaces: [{ name: "nosuch0", address: vectorAddress, dhcp: { mode } }],
    dhcp: { compatibility: vector.flavour },
    http: { port: vector.flavour === "smee" ? 7080 : 8080 },
    nodes: {
      file: write("nodes.yaml", nodes),
      unknown: vector.mode === "proxy" ? "deny" : "allow",
    },
  });
}

describe("explain with SMEE's compatibility", () => {
  it.each(smeeVectors)("$flavour $mode $id: $name", async (vector) => {
    const program = new FakeProgram();
    const options = {
      interface: null,
      source: vector.source,
      port: 67,
      hex: vector.request,
    } as const;
    await explain(program, configure(vector), options);
    const { decision, reply } = JSON.parse(program.written);
    expect(decision).toBe(vector.reply === null ? "ignore" : "reply");
    expect({ destination: reply?.destination, hex: reply?.hex }).toEqual({
      destination: vector.reply?.destination,
      hex: vector.reply?.hex,
    });
  });
});
