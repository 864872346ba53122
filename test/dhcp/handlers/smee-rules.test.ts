import { usualMacInUrls } from "../../../src/boot/machine-urls.ts";
import { describe, expect, it } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { handleSmee, type SmeeSettings } from "../../../src/dhcp/handlers/smee.ts";
import type { NodeEntry } from "../../../src/boot/node.ts";
import { parseTraceparent } from "../../../src/boot/trace-context.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { concat, fromHex, fromText, toHex, u16 } from "../../../src/lib/bytes.ts";
import { bootRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { eventNames, fullLink, proxyLink } from "../../support/dhcp.ts";
import { nodeEntry } from "../../support/node-entry.ts";

/* Rules of SMEE that no vector shows. */

const settings: SmeeSettings = {
  flavour: "smee",
  tftpPort: 69,
  httpPort: 7080,
  macInUrls: usualMacInUrls,
  scriptUrl: null,
  loaders: new Map(),
  unknownNodes: "allow",
  trace: null,
};
const uefi = {
  mac: "08:00:27:29:4e:67",
  uuid: "11223344-5566-7788-99aa-bbccddeeff00",
  firmware: "uefi",
} as const;

/** A DISCOVER of EDK2 with some options replaced, or left out where the value is null. */
function discover(options: ReadonlyMap<number, Uint8Array | null>) {
  const packet = bootRequest(uefi, 7, "firmware", null);
  const changed = new Map(packet.options);
  for (const [code, value] of options) {
    if (value === null) changed.delete(code);
    else changed.set(code, value);
  }
  return readRequest({ ...packet, options: changed }, { address: "0.0.0.0", port: 68 });
}

function proxied(options: ReadonlyMap<number, Uint8Array | null>, how: Partial<SmeeSettings> = {}) {
  const effects = handleSmee(discover(options), null, proxyLink, { ...settings, ...how });
  return effects.find((effect) => effect.kind === "send")?.packet ?? null;
}

const architecture = OptionCode.CLIENT_SYSTEM_ARCHITECTURE;

describe("SMEE's choice of a loader", () => {
  it.each([
    ["the first architecture that has a name, though no loader fits it", concat([u16(17), u16(7)])],
    ["a list of odd length", fromHex("000700") ?? new Uint8Array()],
    ["an empty list", new Uint8Array()],
    ["41 of a machine that is no Raspberry Pi", u16(41)],
  ])("takes %s for none", (_, value) => {
    expect(proxied(new Map([[architecture, value]]))).toBeNull();
  });

  it("passes over architectures that have no name", () => {
    expect(proxied(new Map([[architecture, concat([u16(99), u16(7)])]]))?.file).toBe("ipxe.efi");
  });

  it.each([
    ["smee", "undionly.kpxe"],
    ["smee-standalone", undefined],
  ] as const)("hands x86 BIOS by HTTP what %s has", (flavour, file) => {
    const http = new Map([
      [architecture, u16(20)],
      [OptionCode.VENDOR_CLASS_IDENTIFIER, fromText("HTTPClient:Arch:00020")],
    ]);
    expect(proxied(http, { flavour })?.file.split("/").at(-1)).toBe(file);
  });

  it("lets boot.loaders win, also for an unknown architecture", () => {
    const loaders = new Map([
      [7, "snponly.efi"],
      [255, "any.efi"],
    ]);
    expect(proxied(new Map(), { loaders })?.file).toBe("snponly.efi");
    expect(proxied(new Map([[architecture, u16(99)]]), { loaders })?.file).toBe("any.efi");
  });

  it("leaves an unmapped architecture without an answer even where the entry names a loader", () => {
    const request = discover(new Map([[architecture, u16(12)]]));
    const node = nodeEntry({ loader: "x.efi" });
    const effects = handleSmee(request, node, proxyLink, settings);
    expect(eventNames(effects)).toEqual(["discover", "dhcp-refused"]);
    expect(effects).toHaveLength(2);
    const reserved = handleSmee(request, { ...node, address: "192.168.77.9" }, fullLink, settings);
    expect(reserved.find((effect) => effect.kind === "send")?.packet.file).toBe("x.efi");
  });
});

describe("SMEE's reading of a request", () => {
  it("takes an RFC 3004 user class for another one", () => {
    const encoded = concat([Uint8Array.of(4), fromText("iPXE")]);
    expect(proxied(new Map([[OptionCode.USER_CLASS, encoded]]))?.file).toBe("ipxe.efi");
  });

  it("compares every byte of the user class", () => {
    for (const userClass of ["iPXE\0", "iPXE ", "ipxe", "Tinkerbell\0"]) {
      const other = new Map([[OptionCode.USER_CLASS, fromText(userClass)]]);
      expect([userClass, proxied(other)?.file]).toEqual([userClass, "ipxe.efi"]);
    }
  });

  it("gives a machine identifier without bytes to who sent none", () => {
    const reply = proxied(new Map([[OptionCode.CLIENT_MACHINE_IDENTIFIER, null]]));
    expect(reply?.options.get(OptionCode.CLIENT_MACHINE_IDENTIFIER)).toEqual(new Uint8Array());
  });

  it("does not leave out port 80 in the current one, and does in the stand-alone one's script", () => {
    const tinkerbell = new Map([[OptionCode.USER_CLASS, fromText("Tinkerbell")]]);
    const { address } = proxyLink;
    expect(proxied(tinkerbell, { httpPort: 80 })?.file).toBe(
      `http://${address}:80/ipxe/script/${uefi.mac}/auto.ipxe`,
    );
    expect(proxied(tinkerbell, { httpPort: 80, flavour: "smee-standalone" })?.file).toBe(
      `http://${address}/${uefi.mac}/auto.ipxe`,
    );
  });
});

describe("SMEE's reservations", () => {
  it("carry the trace in what they name of loaders, and in 43.69, and in nothing else", () => {
    const trace = parseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const node = nodeEntry({ address: "192.168.77.9" });
    const answer = (options: ReadonlyMap<number, Uint8Array | null>, of: NodeEntry, link: Link) =>
      handleSmee(discover(options), of, link, { ...settings, trace }).find(
        (effect) => effect.kind === "send",
      )?.packet;
    const suffix = "-00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const ipxe = new Map([[OptionCode.USER_CLASS, fromText("iPXE")]]);
    const tinkerbell = new Map([[OptionCode.USER_CLASS, fromText("Tinkerbell")]]);
    expect(answer(new Map(), node, fullLink)?.file).toBe(`ipxe.efi${suffix}`);
    expect(answer(ipxe, node, fullLink)?.file).toBe(
      `tftp://${fullLink.address}:69/${uefi.mac}/ipxe.efi${suffix}`,
    );
    expect(answer(tinkerbell, node, fullLink)?.file).toMatch(/auto\.ipxe$/);
    const traced = answer(tinkerbell, node, fullLink)?.options.get(43);
    expect(toHex(traced ?? new Uint8Array())).toBe(
      "060108451a000af7651916cd43dd8448eb211c80319cb7ad6b716920333101",
    );
    expect(answer(new Map(), { ...node, netboot: "deny" }, fullLink)).toMatchObject({
      file: "/netboot-not-allowed",
    });
    expect(answer(new Map(), node, proxyLink)?.file).toBe("ipxe.efi");
    expect(answer(new Map(), node, proxyLink)?.options.get(43)).toEqual(Uint8Array.of(6, 1, 8));
  });

  it("name the boot file of options 66 and 67 byte by byte, and then nothing else to boot", () => {
    const options = [{ code: 67, value: fromText(`ä${"x".repeat(200)}`) }];
    const http = new Map([[OptionCode.VENDOR_CLASS_IDENTIFIER, fromText("HTTPClient")]]);
    const node = nodeEntry({ address: "192.168.77.9", options });
    const sent = handleSmee(discover(http), node, fullLink, settings).find(
      (effect) => effect.kind === "send",
    )?.packet;
    expect(sent?.file).toBe(`\xc3\xa4${"x".repeat(125)}`);
    expect(sent?.options.get(67)).toEqual(options[0]?.value);
    expect(sent?.siaddr).toBe(fullLink.address);
    expect([60, 43, 66].filter((code) => sent?.options.has(code))).toEqual([]);
  });

  it("of the stand-alone one need an address and a netmask, and so does its mode proxy", () => {
    const settled = { address: "192.168.77.9", netmask: "255.255.255.0" };
    const kinds = (given: Partial<NodeEntry>, link: Link, unknownNodes: "allow" | "deny") =>
      handleSmee(discover(new Map()), nodeEntry(given), link, {
        ...settings,
        flavour: "smee-standalone",
        unknownNodes,
      }).map(({ kind }) => kind);
    for (const lacking of [{ address: null }, { netmask: null }]) {
      const silent = ["event", "event"];
      expect(kinds({ ...settled, ...lacking }, fullLink, "allow")).toEqual(silent);
      expect(kinds({ ...settled, ...lacking }, proxyLink, "deny")).toEqual(silent);
      // Its auto-proxy does not look.
      expect(kinds({ ...settled, ...lacking }, proxyLink, "allow")).toContain("send");
    }
    expect(kinds(settled, fullLink, "allow")).toContain("send");
    expect(kinds(settled, proxyLink, "deny")).toContain("send");
  });

  it("give one router, all name servers however many, and the search list label by label", () => {
    const dns = Array.from({ length: 70 }, (_, i) => `10.0.0.${i}`);
    const node = nodeEntry({
      address: "192.168.77.9",
      netmask: "255.255.255.0",
      router: ["192.168.77.1", "192.168.77.2"],
      dns,
      domain: "example.com.",
      domainSearch: ["other.example"],
    });
    const sent = handleSmee(discover(new Map()), node, fullLink, settings).find(
      (effect) => effect.kind === "send",
    )?.packet;
    expect(sent?.options.get(3)).toEqual(Uint8Array.of(192, 168, 77, 1));
    expect(sent?.options.get(6)).toHaveLength(280);
    expect(sent?.options.get(28)).toEqual(Uint8Array.of(192, 168, 77, 255));
    // A final dot makes an empty label more; the current one knows no list but the domain.
    expect(toHex(sent?.options.get(119) ?? new Uint8Array())).toBe("076578616d706c6503636f6d0000");
    const bytes = sent === undefined ? new Uint8Array() : encodePacket(sent);
    const at = bytes.findIndex((byte, i) => i >= 240 && byte === 6 && bytes[i + 1] === 255);
    expect(toHex(bytes.subarray(at + 257, at + 259))).toBe("0619");
  });

  it("cut a script URL that does not fit the header, and still encode", () => {
    const node = nodeEntry({ address: "192.168.77.9", scriptUrl: `http://x/${"a".repeat(200)}` });
    const request = discover(new Map([[OptionCode.USER_CLASS, fromText("Tinkerbell")]]));
    const sent = handleSmee(request, node, fullLink, settings).find(({ kind }) => kind === "send");
    expect(sent?.kind === "send" && sent.packet.file.length).toBe(127);
    expect(sent?.kind === "send" && encodePacket(sent.packet).length).toBe(300);
  });

  it("tell an HTTP client that it is one even when it may not boot", () => {
    const http = discover(
      new Map([[OptionCode.VENDOR_CLASS_IDENTIFIER, fromText("HTTPClient:Arch:00007")]]),
    );
    const node = nodeEntry({ address: "192.168.77.9", netboot: "deny" });
    const sent = handleSmee(http, node, fullLink, settings).find(({ kind }) => kind === "send");
    expect(sent).toMatchObject({ packet: { file: "/netboot-not-allowed", siaddr: "0.0.0.0" } });
    expect(
      sent?.kind === "send" && sent.packet.options.get(OptionCode.VENDOR_CLASS_IDENTIFIER),
    ).toEqual(fromText("HTTPClient"));
  });

  it("stay silent for a machine whose entry says dhcp: false; a proxy does not care", () => {
    const node = nodeEntry({ address: "192.168.77.9", dhcp: false });
    const kinds = (link: typeof fullLink | typeof proxyLink) =>
      handleSmee(discover(new Map()), node, link, settings).map(({ kind }) => kind);
    expect(kinds(fullLink)).toEqual(["event", "event"]);
    expect(kinds(proxyLink)).toContain("send");
  });
});
