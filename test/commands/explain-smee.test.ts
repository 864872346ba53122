import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { explain } from "../../src/commands/explain.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { concat, fromHex, fromText, toHex } from "../../src/lib/bytes.ts";
import { explainVector } from "../support/explained-vector.ts";
import { FakeProgram } from "../support/program.ts";
import { configurationOf, nodesOf } from "../support/smee-site.ts";
import { type SmeeVector, smeeVectors } from "../support/smee-vectors.ts";

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

function configure(vector: SmeeVector): string {
  const nodes = write("nodes.yaml", nodesOf(vector));
  const files = { interface: "nosuch0", dataDir: "data", nodes };
  return write("eim-pxe.yaml", configurationOf(vector, files));
}

describe("explain with SMEE's compatibility", () => {
  it.each(smeeVectors)("$flavour $mode $id: $name", async (vector) => {
    const { decision, reply } = await explainVector(vector, configure(vector));
    expect(decision).toBe(vector.reply === null ? "ignore" : "reply");
    expect({ destination: reply?.destination, hex: reply?.hex }).toEqual({
      destination: vector.reply?.destination,
      hex: vector.reply?.hex,
    });
  });
});

describe("explain with SMEE's compatibility, for requests that no vector shows", () => {
  const bios = bytesOf("V01");
  const proxy = vectorNamed("auto-proxy", "V01");
  const reservation = vectorNamed("reservation", "V01");

  async function asked(vector: SmeeVector, request: Uint8Array) {
    const program = new FakeProgram();
    const config = configure(vector);
    const { source } = vector;
    await explain(program, config, { interface: null, source, port: 67, hex: toHex(request) });
    const { reply } = JSON.parse(program.written);
    return reply === undefined ? null : decodePacket(fromHex(reply.hex) ?? new Uint8Array());
  }

  it.each<[string, Uint8Array]>([
    ["without End", bios.subarray(0, -1)],
    ["of 240 bytes", bios.subarray(0, 240)],
    ["of 239 bytes", bios.subarray(0, 239)],
    ["with an option that runs over", concat([bios.subarray(0, -1), Uint8Array.of(12, 9, 1)])],
    ["with another cookie", edited(bios, 236, 0)],
    ["with a message type of two bytes", withOptions(bios, [53, Uint8Array.of(1, 1)])],
    ["with a message type twice", concat([bios.subarray(0, -1), Uint8Array.of(53, 1, 1, 255)])],
  ])("ignores one %s", async (_, request) => {
    expect(await asked(proxy, request)).toBeNull();
    expect(await asked(reservation, request)).toBeNull();
  });

  it("takes three bytes of option 93 for an unknown architecture", async () => {
    const request = withOptions(bios, [93, Uint8Array.of(0, 7, 0)]);
    expect(await asked(proxy, request)).toBeNull();
    expect(await asked(reservation, request)).toMatchObject({
      file: "/netboot-not-allowed",
      siaddr: "0.0.0.0",
    });
  });

  it("joins the parts of option 60", async () => {
    const request = withOptions(
      bios,
      [60, fromText("HTTPCl")],
      [60, fromText("ient:Arch:00016")],
      [93, Uint8Array.of(0, 16)],
    );
    expect((await asked(proxy, request))?.file).toMatch(/^http:.*\/ipxe\.efi$/);
  });

  it("gives back 16 bytes of a hardware address of 20", async () => {
    expect((await asked(proxy, edited(bios, 2, 20)))?.chaddr).toHaveLength(16);
  });

  it("names no machine in its URLs when there is no hardware address", async () => {
    const nameless = edited(bios, 2, 0);
    const http = withOptions(nameless, [60, fromText("HTTPClient")], [93, Uint8Array.of(0, 16)]);
    expect((await asked(proxy, http))?.file).toBe("http://192.168.2.112:7080/ipxe/binary/ipxe.efi");
    const tinkerbell = withOptions(nameless, [77, fromText("Tinkerbell")]);
    expect((await asked(proxy, tinkerbell))?.file).toBe(
      "http://192.168.2.112:7080/ipxe/script/auto.ipxe",
    );
    const ipxe = withOptions(nameless, [77, fromText("iPXE")]);
    expect((await asked(proxy, ipxe))?.file).toBe("tftp://192.168.2.112:69/undionly.kpxe");
    expect(await asked(reservation, nameless)).toBeNull();
  });

  it("does not take a relay agent's empty option 82, or an empty 61, for one to give back", async () => {
    const request = withOptions(bios, [61, new Uint8Array()], [82, new Uint8Array()]);
    const reply = await asked(proxy, request);
    expect([61, 82].filter((code) => reply?.options.has(code))).toEqual([]);
  });

  it("passes over pads, and whatever stands behind End", async () => {
    const padded = concat([
      bios.subarray(0, 240),
      Uint8Array.of(0, 0, 0),
      bios.subarray(240),
      Uint8Array.of(53, 1, 3, 9),
    ]);
    expect(await asked(proxy, padded)).toEqual(await asked(proxy, bios));
  });

  it.each(["", "00-0-0-01", `00-${"0".repeat(32)}-b7ad6b7169203331-01`, "nonsense"])(
    "takes TRACEPARENT=%s for none",
    async (TRACEPARENT) => {
      const program = new FakeProgram("", { TRACEPARENT });
      const { source, request: hex, reply } = reservation;
      const options = { interface: null, source, port: 67, hex } as const;
      await explain(program, configure(reservation), options);
      expect(JSON.parse(program.written).reply.hex).toBe(reply?.hex);
    },
  );

  it("says in its reason what SMEE names, not what we would", async () => {
    const program = new FakeProgram();
    const ipxe = vectorNamed("auto-proxy", "V06");
    const { source, request: hex } = ipxe;
    await explain(program, configure(ipxe), { interface: null, source, port: 67, hex });
    expect(JSON.parse(program.written).reason).toContain("tftp://192.168.2.112:69/");
  });
});

function vectorNamed(mode: SmeeVector["mode"], id: string): SmeeVector {
  const found = smeeVectors.find(
    (one) => one.flavour === "smee" && one.mode === mode && one.id === id,
  );
  if (found === undefined) throw new Error(`there is no vector ${id}`);
  return found;
}

function bytesOf(id: string): Uint8Array {
  return fromHex(vectorNamed("proxy", id).request) ?? new Uint8Array();
}

function edited(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = value;
  return copy;
}

/** The request with these options instead of its own of the same codes, in this order at the end. */
function withOptions(
  bytes: Uint8Array,
  ...options: readonly (readonly [number, Uint8Array])[]
): Uint8Array {
  const replaced = new Set(options.map(([code]) => code));
  const kept = [...decodePacket(bytes).options].filter(([code]) => !replaced.has(code));
  const parts = [...kept, ...options].map(([code, value]) =>
    concat([Uint8Array.of(code, value.length), value]),
  );
  return concat([bytes.subarray(0, 240), ...parts, Uint8Array.of(255)]);
}
