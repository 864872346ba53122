import { describe, expect, it } from "vitest";
import {
  type Choice,
  chooseBoot,
  chooseFromAnswer,
  ipxeHasDecided,
} from "../../../src/pxe-client/probe/boot-choice.ts";
import { type Firmware } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { isOffer, type Offer, readOffer } from "../../../src/pxe-client/wire/offers.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { decodePacket, type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { addressOfferIn, unbeatableServer } from "../../../src/dhcp/message/pxe-hijack.ts";
import { pxeVendorOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { concat, fromText } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { dhcpOf, labCapture } from "../../support/lab.ts";

/** The offers that EDK2 was sent in a captured boot, up to what it did about them. */
function captured(name: string): { offers: Offer[]; packets: DhcpPacket[] } {
  const datagrams = dhcpOf(labCapture(name)).map((one) => ({
    ...one,
    packet: decodePacket(one.payload),
  }));
  const xid = datagrams[0]?.packet.xid ?? 0;
  const found = datagrams.filter(
    ({ packet }) => packet.op === 2 && packet.xid === xid && isOffer(packet),
  );
  return {
    offers: found.map(({ packet, source }) => readOffer(packet, source.address)),
    packets: found.map(({ packet }) => packet),
  };
}

/** A choice in one line. */
function inWords(choice: Choice): string {
  switch (choice.kind) {
    case "load":
      return choice.source.kind === "http"
        ? `load ${choice.source.url}`
        : `load ${choice.source.file} from ${choice.source.server}`;
    case "ask":
      return `ask ${choice.server}${choice.unbeatable ? ", unbeatable" : ""}`;
    case "nothing":
      return choice.reason.why === "unusable"
        ? `nothing: ${choice.reason.fault}`
        : `nothing: ${choice.reason.why}`;
  }
}

describe("what EDK2 made of offers, as captured", () => {
  it.each<[string, Firmware, string]>([
    ["A_std43", "uefi", "load boot.efi from 10.0.0.3"],
    ["Q_two_proxies_bit3_43_8", "uefi", "load boot.efi from 10.0.0.3"],
    ["E_mainfile", "uefi", "load boot.efi from 10.0.0.3"],
    ["C_no43_4011", "uefi", "ask 10.0.0.3"],
    ["B_no54", "uefi", "nothing: it lacks option 54 (server identifier)"],
    ["J_no60", "uefi", "nothing: it offers no address and lacks option 60 PXEClient"],
    ["D_main60_43", "uefi", "ask 10.0.0.1, unbeatable"],
    ["D2_main60_no43", "uefi", "ask 10.0.0.1, unbeatable"],
    ["U1_full_fileonly", "uefi", "load boot.efi from 10.0.0.3"],
    ["U2_full_60_43", "uefi", "load boot.efi from 10.0.0.3"],
    ["U3_full_60only", "uefi", "ask 10.0.0.3, unbeatable"],
  ])("%s as %s: %s", (name, firmware, expected) => {
    expect(inWords(chooseBoot(firmware, captured(name).offers))).toBe(expected);
  });
});

const addressesIn = (packets: readonly DhcpPacket[]) =>
  packets.flatMap((packet) => addressOfferIn(packet) ?? []);

describe("unbeatableServer", () => {
  it.each(["D_main60_43", "D2_main60_no43"])("names the address server in %s", (name) => {
    expect(unbeatableServer(addressesIn(captured(name).packets))).toBe("10.0.0.1");
  });

  it.each(["A_std43", "C_no43_4011", "E_mainfile", "U2_full_60_43"])("finds none in %s", (name) => {
    expect(unbeatableServer(addressesIn(captured(name).packets))).toBeNull();
  });

  it("finds none while another server offers an address without option 60", () => {
    const offers = [
      ...captured("D_main60_43").packets,
      offerPacket({ server: "10.0.0.9", address: "10.0.0.60" }),
    ];
    expect(unbeatableServer(addressesIn(offers))).toBeNull();
    expect(unbeatableServer([])).toBeNull();
  });
});

interface Fields {
  readonly server: string;
  readonly address?: string;
  readonly nextServer?: string;
  readonly file?: string;
  readonly vendorClass?: string;
  readonly option43?: Uint8Array;
  readonly option175?: Uint8Array;
}

function offerPacket(fields: Fields): DhcpPacket {
  const { server, address, nextServer, file, vendorClass, option43, option175 } = fields;
  const options = new Map<number, Uint8Array>([
    [OptionCode.MESSAGE_TYPE, Uint8Array.of(2)],
    [OptionCode.SERVER_IDENTIFIER, ip4ToBytes(server)],
  ]);
  if (file !== undefined) {
    options.set(OptionCode.BOOTFILE_NAME, concat([fromText(file), Uint8Array.of(0)]));
  }
  if (vendorClass !== undefined) {
    options.set(OptionCode.VENDOR_CLASS_IDENTIFIER, fromText(vendorClass));
  }
  if (option43 !== undefined) options.set(OptionCode.VENDOR_SPECIFIC, option43);
  if (option175 !== undefined) options.set(OptionCode.IPXE_ENCAPSULATED, option175);
  const template = captured("A_std43").packets[0];
  if (template === undefined) throw new Error("no offer in the capture");
  const addresses = { yiaddr: address ?? "0.0.0.0", siaddr: nextServer ?? "0.0.0.0" };
  return { ...template, ...addresses, file: "", sname: "", options };
}

const offer = (fields: Fields): Offer => readOffer(offerPacket(fields), fields.server);

const addressOnly = offer({ server: "10.0.0.1", address: "10.0.0.50" });
const proxyFor = (file: string, more: Partial<Fields> = {}): Offer =>
  offer({
    server: "10.0.0.3",
    nextServer: "10.0.0.3",
    vendorClass: "PXEClient",
    option43: pxeVendorOptions({ discoveryControl: 8 }),
    file,
    ...more,
  });

describe("firmware", () => {
  it("without an offer, an address or boot information boots nothing", () => {
    expect(inWords(chooseBoot("bios", []))).toBe("nothing: no-answer");
    expect(inWords(chooseBoot("bios", [addressOnly]))).toBe("nothing: no-boot-information");
    expect(inWords(chooseBoot("bios", [proxyFor("a.kpxe")]))).toBe("nothing: no-address");
    expect(inWords(chooseBoot("uefi-http", []))).toBe("nothing: no-answer");
    expect(inWords(chooseBoot("ipxe", [proxyFor("http://10.0.0.3/a")]))).toBe(
      "nothing: no-address",
    );
  });

  it("takes the first proxy with discovery options, and a boot menu's server", () => {
    const second = proxyFor("other.efi", { server: "10.0.0.4", nextServer: "10.0.0.4" });
    const offers = [addressOnly, proxyFor("first.efi"), second];
    expect(inWords(chooseBoot("uefi", offers))).toBe("load first.efi from 10.0.0.3");
    const option43 = pxeVendorOptions({
      discoveryControl: 7,
      bootServers: [{ type: 15, addresses: ["10.0.0.7"] }],
      bootMenu: [{ type: 15, text: "install" }],
    });
    const menu = chooseBoot("uefi", [addressOnly, proxyFor("x.efi", { option43 })]);
    expect(menu).toMatchObject({ kind: "ask", server: "10.0.0.7", itemType: 15 });
    expect(chooseBoot("ipxe", [addressOnly, proxyFor("x.efi", { option43 })])).toEqual(menu);
  });

  it("of HTTP boot needs option 60 HTTPClient and a URL", () => {
    const http = (file: string) => proxyFor(file, { vendorClass: "HTTPClient" });
    expect(inWords(chooseBoot("uefi-http", [addressOnly, http("http://10.0.0.3/a.efi")]))).toBe(
      "load http://10.0.0.3/a.efi",
    );
    expect(inWords(chooseBoot("uefi-http", [addressOnly, http("a.efi")]))).toBe(
      "nothing: its boot file is not an HTTP URL",
    );
    expect(inWords(chooseBoot("uefi-http", [addressOnly, proxyFor("http://10.0.0.3/a")]))).toBe(
      "nothing: it is for PXE: option 60 is PXEClient",
    );
    expect(inWords(chooseBoot("uefi", [addressOnly, http("http://10.0.0.3/a.efi")]))).toBe(
      "nothing: it is for UEFI HTTP boot: option 60 is HTTPClient",
    );
    const named = offer({ server: "10.0.0.1", address: "10.0.0.50", file: "a.efi" });
    expect(inWords(chooseBoot("uefi-http", [named]))).toBe(
      "nothing: it lacks option 60 HTTPClient",
    );
  });

  it("takes a boot server's file from that server", () => {
    const told = chooseFromAnswer("uefi", proxyFor("late.efi"));
    expect(told === null ? "" : inWords(told)).toBe("load late.efi from 10.0.0.3");
    expect(chooseFromAnswer("uefi", addressOnly)).toBeNull();
  });
});

describe("iPXE", () => {
  it("takes URLs, names and tftp URLs", () => {
    const as = (file: string) => inWords(chooseBoot("ipxe", [addressOnly, proxyFor(file)]));
    expect(as("http://10.0.0.3:8080/boot.ipxe")).toBe("load http://10.0.0.3:8080/boot.ipxe");
    expect(as("boot.ipxe")).toBe("load boot.ipxe from 10.0.0.3");
    expect(as("tftp://10.0.0.8/a/b.ipxe")).toBe("load a/b.ipxe from 10.0.0.8");
  });

  it("asks port 4011 when a proxy names no next server, and passes over one without option 60", () => {
    const incomplete = offer({ server: "10.0.0.3", vendorClass: "PXEClient", file: "a" });
    expect(inWords(chooseBoot("ipxe", [addressOnly, incomplete]))).toBe("ask 10.0.0.3");
    const bare = offer({ server: "10.0.0.3", nextServer: "10.0.0.3", file: "a" });
    expect(inWords(chooseBoot("ipxe", [addressOnly, bare]))).toBe(
      "nothing: it offers no address and lacks option 60 PXEClient",
    );
  });

  it("waits for a proxy unless it is told not to, and then takes none", () => {
    const file = "http://10.0.0.1/own.ipxe";
    const own = { server: "10.0.0.1", address: "10.0.0.50", nextServer: "10.0.0.1", file };
    expect(ipxeHasDecided([offer(own)])).toBe(false);
    expect(ipxeHasDecided([addressOnly, proxyFor("a")])).toBe(true);
    expect(ipxeHasDecided([proxyFor("a")])).toBe(false);
    const alone = offer({ ...own, option175: Uint8Array.of(176, 1, 1) });
    expect(ipxeHasDecided([alone])).toBe(true);
    expect(inWords(chooseBoot("ipxe", [proxyFor("a"), alone]))).toBe(`load ${file}`);
  });
});

describe("readOffer", () => {
  it("reads malformed options as absent", () => {
    const odd = offer({
      server: "10.0.0.3",
      vendorClass: "PXEClient",
      option43: Uint8Array.of(6, 9, 1),
      option175: Uint8Array.of(176, 9),
    });
    expect(odd).toMatchObject({ pxe: null, noProxy: false, bootFile: null });
  });
});
