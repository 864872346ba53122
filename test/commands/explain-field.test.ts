import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { explained, fieldBytes, fieldVariant, withTail } from "../support/field.ts";

/* What public reports found, by its number in the list of field faults, asked through `explain`. */

const BROADCAST = 0x8000;
const flagsOf = (text: string | undefined) => Number.parseInt(text ?? "0", 16);
const ours = [...ip4ToBytes("192.168.88.1")];
const address = (text: string) => [...ip4ToBytes(text)];

describe("field fault 2: an address that a client has no more, left in ciaddr", () => {
  it("does not get the offer: it goes to everybody", async () => {
    const { destination, packet } = await explained("c01a-discover-ciaddr-os", "full");
    expect(destination).toBe("255.255.255.255:68");
    expect(packet).toMatchObject({ ciaddr: "0.0.0.0", giaddr: "0.0.0.0" });
    expect(packet?.yiaddr).toMatch(/^192\.168\.88\.1\d\d$/);
  });

  it("does not choose the network of a DHCPDISCOVER", async () => {
    const { packet, destination, option } = await explained(
      "c01c-discover-ciaddr-othernet",
      "full",
    );
    expect(packet?.yiaddr).toMatch(/^192\.168\.88\./);
    expect(option(3)).toBe("c0a858fe");
    expect(destination).toBe("255.255.255.255:68");
  });

  it.each([
    ["that takes an offer", { 53: [3], 50: address("192.168.88.150"), 54: ours }],
    ["after a restart", { 53: [3], 50: address("192.168.88.150"), 54: null }],
  ])("does not steer the answer to a DHCPREQUEST %s", async (_, options) => {
    for (const ciaddr of ["192.168.88.150", "10.1.0.77"]) {
      const bytes = fieldVariant("c01a-discover-ciaddr-os", { ciaddr }, options);
      const { packet, destination, option } = await explained(bytes, "full");
      expect(packet?.yiaddr).toBe("192.168.88.150");
      expect(destination).toBe("255.255.255.255:68");
      expect(option(3)).toBe("c0a858fe");
    }
  });

  it.each([
    ["renews by unicast", "10.1.0.77:68"],
    ["rebinds", "10.1.0.77:68"],
    ["renews from another port", "10.1.0.77:1068"],
  ])("counts for a client that %s, and its network is found by it", async (_, source) => {
    const asked = { 53: [3], 50: null, 54: null };
    const bytes = fieldVariant("c01a-discover-ciaddr-os", { ciaddr: "10.1.0.77", flags: 0 }, asked);
    const { packet, destination, option } = await explained(bytes, "full", { source });
    expect(packet?.options.find(({ code }) => code === 53)?.value).toBe("NAK");
    expect(destination).toBe("255.255.255.255:68");
    const own = fieldVariant("c01a-discover-ciaddr-os", { ciaddr: "10.1.0.150", flags: 0 }, asked);
    const renewed = await explained(own, "full", { source: source.replace("77", "150") });
    expect(renewed.packet?.yiaddr).toBe("10.1.0.150");
    expect(renewed.destination).toBe(source.replace("77", "150"));
    expect([renewed.option(3), option(3)]).toEqual(["0a010001", null]);
  });

  it("counts in a DHCPINFORM", async () => {
    const informing = { 53: [MessageType.INFORM], 50: null };
    const bytes = fieldVariant("c01a-discover-ciaddr-os", { ciaddr: "10.1.0.150" }, informing);
    const { packet, destination } = await explained(bytes, "full");
    expect(packet).toMatchObject({ yiaddr: "0.0.0.0", ciaddr: "10.1.0.150" });
    expect(destination).toBe("10.1.0.150:68");
  });
});

describe("field fault 3: a reply without an address, through a relay agent", () => {
  it("has the broadcast flag when it is the proxy's DHCPOFFER", async () => {
    const { packet, destination } = await explained("c08a-relay-ipxe-noflag", "proxy");
    expect(destination).toBe("10.1.0.1:67");
    expect(packet).toMatchObject({ yiaddr: "0.0.0.0", giaddr: "10.1.0.1" });
    expect(flagsOf(packet?.flags)).toBe(BROADCAST);
  });

  it.each([
    ["DHCPACK", "proxy", { 53: [3], 54: ours }, {}],
    ["DHCPACK of a boot item", "proxy", { 53: [3], 43: [71, 4, 0, 0, 0, 0, 255] }, {}],
    ["DHCPACK to a client with an address", "proxy", { 53: [3], 54: ours }, { ciaddr: "10.1.0.9" }],
    ["DHCPACK to a DHCPINFORM", "full", { 53: [8] }, { ciaddr: "10.1.0.9" }],
    ["DHCPNAK", "full", { 53: [3], 50: address("10.2.0.9") }, {}],
  ] as const)("has it when it is a %s (%s)", async (_, config, options, changes) => {
    const bytes = fieldVariant("c08a-relay-ipxe-noflag", { flags: 0, ...changes }, options);
    const { packet, destination } = await explained(bytes, config);
    expect(destination).toBe("10.1.0.1:67");
    expect(flagsOf(packet?.flags)).toBe(BROADCAST);
  });

  it("leaves the flag as it came where there is an address to send to", async () => {
    const { packet } = await explained("c08a-relay-ipxe-noflag", "full");
    expect(packet?.yiaddr).toMatch(/^10\.1\.0\.1\d\d$/);
    expect(flagsOf(packet?.flags)).toBe(0);
  });
});

describe("field fault 15: a broadcast reply", () => {
  it.each(["full", "proxy"])(
    "goes to the client port in mode %s, whatever the source's",
    async (config) => {
      const bytes = fieldVariant("c08a-relay-ipxe-noflag", { giaddr: "0.0.0.0" });
      const source = "0.0.0.0:40068";
      const { destination } = await explained(bytes, config, { source });
      expect(destination).toBe("255.255.255.255:68");
    },
  );

  it("goes there also when a boot server sends it, but to EDK2's own 4011", async () => {
    const bytes = fieldVariant("c08a-relay-ipxe-noflag", { giaddr: "0.0.0.0" }, { 53: [3] });
    const to = async (source: string) =>
      (await explained(bytes, "proxy", { source, port: 4011 })).destination;
    expect(await to("0.0.0.0:40068")).toBe("255.255.255.255:68");
    expect(await to("0.0.0.0:4011")).toBe("255.255.255.255:4011");
    expect(await to("192.168.88.60:40068")).toBe("192.168.88.60:40068");
  });
});

describe("field fault 7: a request without End", () => {
  it("is answered", async () => {
    const { packet } = await explained("c06b-no-end", "full");
    expect(packet?.yiaddr).toBe("192.168.88.120");
  });

  it.each([
    ["cut behind an option's code", [60]],
    ["cut behind an option's length", [60, 9]],
    ["cut in an option's value", [60, 9, 80, 88]],
  ])("is answered %s: what came before that counts", async (_, tail) => {
    for (const [name, config] of [
      ["c06b-no-end", "full"],
      ["c12d-no-94", "full"],
    ] as const) {
      const bytes = withTail(fieldBytes(name), tail);
      expect((await explained(bytes, config)).decision).toBe("reply");
    }
  });
});

describe("field fault 8: an option that is there twice", () => {
  it("is read once: option 53", async () => {
    const { packet } = await explained("c12f-53-twice", "full");
    expect(packet?.yiaddr).toMatch(/^192\.168\.88\.1/);
  });

  it("is read once, whichever it is", async () => {
    const bytes = fieldBytes("c08a-relay-ipxe-noflag");
    const once = await explained(bytes, "full");
    const copies: number[] = [];
    for (let at = 240; bytes[at] !== 255; at += 2 + (bytes[at + 1] ?? 0)) {
      copies.push(...bytes.subarray(at, at + 2 + (bytes[at + 1] ?? 0)));
    }
    const twice = await explained(withTail(bytes, [...copies, 255]), "full");
    expect(twice).toMatchObject({ packet: once.packet, destination: once.destination });
  });
});

describe("field fault 16: option 53", () => {
  it.each([
    ["c08a-relay-ipxe-noflag", "proxy", 67],
    ["c08a-relay-ipxe-noflag", "full", 67],
    ["c12f-53-twice", "full", 67],
  ] as const)("comes first in the reply to %s (%s, port %i)", async (name, config, port) => {
    const { bytes } = await explained(name, config, { port });
    expect([bytes[240], bytes[241]]).toEqual([53, 1]);
  });
});

describe("field fault 2: in mode proxy", () => {
  it("an address that a client has no more steers nothing either", async () => {
    for (const type of [MessageType.DISCOVER, MessageType.REQUEST]) {
      const options = {
        53: [type],
        54: type === MessageType.REQUEST ? ours : null,
        50: address("192.168.88.150"),
      };
      const changes = { giaddr: "0.0.0.0", ciaddr: "192.168.88.150", flags: 0 };
      const bytes = fieldVariant("c08a-relay-ipxe-noflag", changes, options);
      const { packet, destination } = await explained(bytes, "proxy");
      expect(destination).toBe("255.255.255.255:68");
      expect(flagsOf(packet?.flags)).toBe(BROADCAST);
    }
  });
});

describe("what field faults change is for standard only: SMEE's answers stay", () => {
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-field-smee-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const configured = (flavour: string) => {
    const file = join(folder, `${flavour}.yaml`);
    writeFileSync(
      file,
      `dhcp: { compatibility: ${flavour} }\ninterfaces: [{ name: br0, address: 192.168.88.1, dhcp: { mode: proxy, subnet: 192.168.88.0/24 } }]\n`,
    );
    return file;
  };

  it.each(["smee", "smee-standalone"])("in %s", async (flavour) => {
    const config = configured(flavour);
    const reasonOf = async (input: string | Uint8Array) => (await explained(input, config)).reason;
    expect(await reasonOf("c06b-no-end")).toMatch(/malformed: .*End/);
    expect(await reasonOf(withTail(fieldBytes("c12d-no-94"), [60, 9]))).toMatch(/malformed/);
    expect(await reasonOf("c12d-no-94")).toMatch(/option 94 is missing/);
    expect(await reasonOf("c12a-97-wrong-length")).toMatch(/option 97 is not a UUID/);
    expect(await reasonOf("c12c-97-twice")).toMatch(/option 97 is not a UUID/);
    expect(await reasonOf("c12f-53-twice")).toMatch(/message type 0/);
    expect(await reasonOf("c04b-uboot-arm64-ownclass")).toMatch(/option 60 does not begin/);
    const relayed = await explained("c08a-relay-ipxe-noflag", config);
    expect(flagsOf(relayed.packet?.flags)).toBe(0);
    expect([relayed.bytes[240], relayed.bytes[245]]).toEqual([43, 53]);
  });
});
