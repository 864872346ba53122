import { atOnce } from "../../src/lib/lists/turns.ts";
import { describe, expect, it } from "vitest";
import type { SeenDatagram } from "../../src/capture/datagram.ts";
import { type NamedMachine, redacted } from "../../src/capture/redaction.ts";
import { writePcap } from "../../src/capture/pcap-writer.ts";
import { uuidToBytes } from "../../src/dhcp/wire/machine-uuid.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { concat, fromHex, fromText, toHex } from "../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { datagramOf, packetOf, requestOf, serverAddress } from "../support/captured.ts";

const own: NamedMachine = {
  mac: "52:54:00:77:00:01",
  addresses: ["192.168.77.101"],
  uuid: "e1a9c0de-0077-4000-8000-000000000001",
  serial: "LAB01",
};
const other: NamedMachine = {
  mac: "52:54:00:77:00:02",
  addresses: ["192.168.77.102"],
  uuid: "e1a9c0de-0077-4000-8000-000000000002",
  serial: "LAB02",
};
const third: NamedMachine = { mac: null, addresses: ["192.168.77.1"], uuid: null, serial: "x" };

const bytesOf = (hex: string) => fromHex(hex) ?? new Uint8Array();
const otherMac = macToBytes(other.mac ?? "");
const otherUuid = uuidToBytes(other.uuid ?? "");

/** A request of ours in which another machine is named in every way. */
const gossip = requestOf(own.mac ?? "", {
  12: fromText("host-LAB02"),
  50: ip4ToBytes("192.168.77.102"),
  54: ip4ToBytes(serverAddress),
  61: concat([Uint8Array.of(1), otherMac]),
  82: concat([Uint8Array.of(2, 6), otherMac]),
  97: concat([Uint8Array.of(0), otherUuid]),
  224: bytesOf((other.uuid ?? "").replaceAll("-", "")),
});
const rrq = fromText(
  `\0\u0001/52-54-00-77-00-02/192.168.77.102/${other.uuid}/525400770002/E1A9C0DE-0077-4000-8000-000000000002\0octet\0`,
);

const datagrams: readonly SeenDatagram[] = [
  packetOf(gossip, 1),
  {
    ...datagramOf(
      rrq,
      { address: "192.168.77.102", port: 2070 },
      { address: serverAddress, port: 69 },
    ),
    atMs: 2,
  },
  {
    ...datagramOf(
      rrq,
      { address: "192.168.77.101", port: 2070 },
      { address: serverAddress, port: 69 },
    ),
    atMs: 3,
  },
];
const result = atOnce(redacted(datagrams, own, [other, third], [serverAddress]));
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes);

describe("a redacted capture", () => {
  it("has nothing of another machine, in bytes or as text", () => {
    const file = writePcap(result);
    const hex = toHex(file);
    for (const bytes of [otherMac, otherUuid, ip4ToBytes("192.168.77.102")]) {
      expect(hex).not.toContain(toHex(bytes));
    }
    const words = text(file).toLowerCase();
    for (const word of [
      "lab02",
      "192.168.77.102",
      "52-54-00-77-00-02",
      "525400770002",
      other.uuid,
    ]) {
      expect(words).not.toContain(word ?? "");
    }
    expect(hex).not.toContain((other.uuid ?? "").replaceAll("-", ""));
  });

  it("replaces the same by the same, wherever it stands and however it is written", () => {
    const [dhcp, tftp] = result;
    const { options } = decodePacket(dhcp?.payload ?? new Uint8Array());
    const mac = toHex(options.get(61)?.subarray(1) ?? new Uint8Array());
    expect(toHex(options.get(82)?.subarray(2) ?? new Uint8Array())).toBe(mac);
    const name = text(tftp?.payload ?? new Uint8Array());
    const [, dashed = "", address = "", uuid = "", bare = "", upper = ""] = name.split("/");
    expect(dashed.replaceAll("-", "")).toBe(mac);
    expect(bare).toBe(mac);
    expect(toHex(ip4ToBytes(address))).toBe(toHex(options.get(50) ?? new Uint8Array()));
    expect(tftp?.source.address).toBe(address);
    expect(upper.split("\0")[0]?.toLowerCase()).toBe(uuid);
    expect(toHex(uuidToBytes(uuid))).toBe(toHex(options.get(97)?.subarray(1) ?? new Uint8Array()));
  });

  it("keeps what is the machine's own and the server's, and every length", () => {
    const [dhcp] = result;
    const packet = decodePacket(dhcp?.payload ?? new Uint8Array());
    expect(toHex(packet.chaddr)).toBe("525400770001");
    expect(toHex(packet.options.get(54) ?? new Uint8Array())).toBe("c0a84d01");
    expect(result.map(({ payload }) => payload.length)).toEqual(
      datagrams.map(({ payload }) => payload.length),
    );
    expect(result[2]?.source.address).toBe("192.168.77.101");
    expect(text(packet.options.get(12) ?? new Uint8Array())).toBe("host-X1XXX");
  });

  it("leaves the recorded packets as they are, and one without others' names as it is", () => {
    expect(toHex(datagrams[0]?.payload ?? new Uint8Array())).toBe(toHex(gossip));
    const plain = [packetOf(requestOf(own.mac ?? ""), 1)];
    expect(atOnce(redacted(plain, own, [other, third], []))).toEqual(plain);
  });

  it("gives an address that was leased again to the machine that has it now", () => {
    const before: NamedMachine = { ...other, addresses: ["192.168.77.101", "192.168.77.102"] };
    const [, , last] = atOnce(redacted(datagrams, own, [before], [serverAddress]));
    expect(last?.source.address).toBe("192.168.77.101");
  });

  it("is the same where nothing of thousands of other machines is in it", () => {
    const many = Array.from({ length: 4096 }, (_, n): NamedMachine => {
      const tail = n.toString(16).padStart(4, "0");
      const mac = `02:11:22:33:${tail.slice(0, 2)}:${tail.slice(2)}`;
      return { mac, addresses: [`10.1.${n >> 8}.${n & 255}`], uuid: null, serial: `SER${n}X` };
    });
    const full = Array.from({ length: 128 }, (_, n) => packetOf(requestOf(own.mac ?? ""), n));
    expect(atOnce(redacted(full, own, many, []))).toEqual(full);
  });

  it("takes no longer for each of very many machines whose serial numbers begin alike, in steps of one", () => {
    const many = Array.from({ length: 30_000 }, (_, n): NamedMachine => {
      const serial = `CZJ0${String(n).padStart(5, "0")}`;
      return { mac: null, addresses: [`10.2.${n >> 8}.${n & 255}`], uuid: null, serial };
    });
    const [asked] = [...datagrams];
    const said = fromText("I see CZJ000042, CZJ0000421 and CZJ029999 at 10.2.0.7 and 10.2.0.7.");
    const steps = redacted([{ ...(asked ?? packetOf(said, 0)), payload: said }], own, many, []);
    for (let n = 0; n < many.length; n++) expect(steps.next().done).toBe(false);
    // The packet, and the end.
    expect(steps.next().done).toBe(false);
    const end = steps.next();
    const seen = text(end.value?.[0]?.payload ?? new Uint8Array());
    expect(seen).toMatch(
      /^I see X1XXXXXXX, X1XXXXXXX1 and X2XXXXXXX at (10\.\d\.\d\.\d) and \1\.$/,
    );
    expect(seen).not.toContain("10.2.0.7");
  });
});
