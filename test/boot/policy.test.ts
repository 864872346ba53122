import { describe, expect, it } from "vitest";
import { architectureOf, architectures } from "../../src/boot/architecture.ts";
import { bootClient, type BootFacts } from "../../src/dhcp/message/boot-client.ts";
import type { NodeEntry } from "../../src/boot/node.ts";
import { type BootPolicy, planBoot } from "../../src/boot/policy.ts";
import { concat, fromHex, fromText, u16 } from "../../src/lib/bytes.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { parseNodes } from "../../src/nodes/nodes-file.ts";

const mac = "08:00:27:29:4e:67";
const base = "http://192.168.77.1:8080";
const uefi: BootFacts = {
  hardwareAddress: macToBytes(mac),
  vendorClass: fromText("PXEClient:Arch:00007:UNDI:003016"),
  userClass: null,
  architectures: u16(7),
  machineId: fromHex("0011223344556677 8899aabbccddeeff00"),
  ipxeOptions: null,
};
const policy: BootPolicy = {
  loaders: new Map(),
  userClasses: ["iPXE", "Tinkerbell"],
  unknownNodes: "allow",
};

function plan(change: Partial<BootFacts>, node: NodeEntry | null = null, how = policy) {
  return planBoot(bootClient({ ...uefi, ...change }), node, how, base);
}

function nodeOf(yaml: string): NodeEntry | null {
  return parseNodes(`- {mac: "${mac}", ${yaml}}`, "nodes.yaml")[0] ?? null;
}

describe("a loader of the asset folder, in a sub-folder", () => {
  const file = "grub/x86_64-efi/core.efi";
  const how = {
    ...policy,
    loaders: new Map([
      [7, file],
      [16, file],
    ]),
  };
  const http = {
    vendorClass: fromText("HTTPClient:Arch:00016:UNDI:003001"),
    architectures: u16(16),
  };

  it("is named with its folder by TFTP, and by its URL in the asset folder", () => {
    expect(plan({}, null, how)).toEqual({ kind: "loader", transport: "tftp", file });
    expect(plan(http, null, how)).toMatchObject({ url: `${base}/assets/${mac}/${file}` });
    const macInUrls = { script: "off", loader: "off" } as const;
    expect(plan(http, null, { ...how, macInUrls })).toMatchObject({
      url: `${base}/assets/${file}`,
    });
  });
});

describe("an iPXE and what it was built with (option 175)", () => {
  const ipxe = { userClass: fromText("iPXE"), architectures: u16(0) };

  it.each([
    ["HTTP", "130101 150101 180101"],
    ["HTTPS alone", "140101 150101"],
    ["nothing that it tells of", "b105 0180861010"],
    ["a list that is cut short", "1501 01 13"],
  ])("gets the script with %s", (_, hex) => {
    const ipxeOptions = fromHex(hex);
    expect(plan({ ...ipxe, ipxeOptions })).toEqual({
      kind: "script",
      url: `${base}/${mac}/boot.ipxe`,
    });
  });

  it.each([
    ["without HTTP", "b10501808610 10 150101 170101"],
    ["with HTTP switched off", "130100 150101"],
  ])("gets the loader %s, which can fetch the script", (_, hex) => {
    const ipxeOptions = fromHex(hex);
    expect(plan({ ...ipxe, ipxeOptions })).toEqual({
      kind: "loader",
      transport: "tftp",
      file: "undionly.kpxe",
    });
  });
});

describe("bootClient", () => {
  it("reads the UUID that the machine's administrator knows", () => {
    expect(bootClient(uefi).uuid).toBe("44332211-6655-8877-99aa-bbccddeeff00");
  });

  it.each([
    ["bare text, as iPXE sends it", fromText("iPXE"), ["iPXE"]],
    ["RFC 3004", concat([Uint8Array.of(4), fromText("iPXE")]), ["iPXE"]],
    ["two of RFC 3004", fromHex("0161026262"), ["a", "bb"]],
    ["a length that runs over", fromHex("0961"), ["\ta"]],
    ["nothing", new Uint8Array(), []],
  ])("reads user classes from %s", (_, userClass, expected) => {
    expect(bootClient({ ...uefi, userClass }).userClasses).toEqual(expected);
  });

  it.each([
    ["option 93", u16(11), "PXEClient:Arch:00007:UNDI:003016", [11]],
    ["option 60 where 93 is missing", null, "PXEClient:Arch:00007:UNDI:003016", [7]],
    ["option 60 where 93 is empty", new Uint8Array(), "PXEClient:Arch:00007:UNDI:003016", [7]],
    ["option 60 where 93 has an odd length", fromHex("000b00"), "PXEClient:Arch:00007", [7]],
    ["option 60 where 93 has one byte", fromHex("0b"), "HTTPClient:Arch:00016:UNDI:003001", [16]],
    ["option 60 in fewer digits", null, "PXEClient:Arch:7", [7]],
    ["what is whole in 93 where 60 says nothing", fromHex("000b00"), "PXEClient", [11]],
    ["nothing", null, "PXEClient", []],
    ["no number that is none", null, "PXEClient:Arch:0000x7", []],
    ["no number that is too long", null, "PXEClient:Arch:123456", []],
  ])("field fault 6: reads the architecture from %s", (_, option93, vendorClass, expected) => {
    const client = bootClient({
      ...uefi,
      architectures: option93,
      vendorClass: fromText(vendorClass),
    });
    expect(client.architectures).toEqual(expected);
  });

  it.each([
    ["16 bytes", "00112233445566778899aabbccddeeff"],
    ["type 255", "ff00112233445566778899aabbccddeeff"],
    ["no byte", ""],
    ["one byte", "00"],
  ])("field fault 6: passes over an option 97 of %s", (_, hex) => {
    const client = bootClient({ ...uefi, machineId: fromHex(hex) });
    expect([client.uuid, client.transport]).toEqual([null, "pxe"]);
  });

  it.each([
    ["PXEClient:Arch:00007", "pxe", "PXEClient"],
    ["HTTPClient:Arch:00016", "http", "HTTPClient"],
    ["U-Boot.armv8", "pxe", "U-Boot"],
    ["iPXE PXEClient", null, null],
  ])("field fault 13: knows %s by how it begins", (text, transport, bootClass) => {
    const client = bootClient({ ...uefi, vendorClass: fromText(text) }, ["U-Boot"]);
    expect(client).toMatchObject({ transport, bootClass, unknownClass: bootClass === null });
  });

  it.each(["b8:27:eb", "dc:a6:32", "e4:5f:01", "28:cd:c1", "d8:3a:dd", "2c:cf:67", "88:a2:9e"])(
    "knows a Raspberry Pi by its hardware address, %s",
    (prefix) => {
      const hardwareAddress = macToBytes(`${prefix}:01:02:03`);
      expect(bootClient({ ...uefi, hardwareAddress, architectures: u16(0) }).architectures).toEqual(
        [41],
      );
    },
  );
});

describe("planBoot", () => {
  it.each([
    [0, "undionly.kpxe"],
    [6, "ipxe.efi"],
    [7, "ipxe.efi"],
    [9, "ipxe.efi"],
    [11, "snp-arm64.efi"],
  ])("hands architecture %i the loader %s by TFTP", (code, file) => {
    expect(plan({ architectures: u16(code) })).toEqual({ kind: "loader", transport: "tftp", file });
  });

  it("hands UEFI HTTP boot the URL of its loader", () => {
    expect(
      plan({
        architectures: u16(16),
        vendorClass: fromText("HTTPClient:Arch:00016:UNDI:003000"),
      }),
    ).toEqual({
      kind: "loader",
      transport: "http",
      file: "ipxe.efi",
      url: `${base}/${mac}/ipxe.efi`,
    });
  });

  it.each([
    ["the user class iPXE", { userClass: fromText("iPXE") }],
    ["the user class Tinkerbell", { userClass: fromText("Tinkerbell") }],
    ["an RFC 3004 user class", { userClass: concat([Uint8Array.of(4), fromText("iPXE")]) }],
    ["option 175", { ipxeOptions: fromHex("b101ff") }],
  ])("hands a client with %s the script, never the loader again", (_, change) => {
    expect(plan(change)).toEqual({ kind: "script", url: `${base}/${mac}/boot.ipxe` });
  });

  it("hands the loader to a user class that is not ours", () => {
    expect(plan({ userClass: fromText("Acme") }).kind).toBe("loader");
  });

  it("takes the first announced architecture that has a loader", () => {
    expect(plan({ architectures: concat([u16(17), u16(7)]) })).toMatchObject({ file: "ipxe.efi" });
  });

  it("refuses an architecture that has none, and names options 93 and 60", () => {
    const refused = plan({ architectures: u16(99) });
    expect(refused).toMatchObject({ kind: "refused" });
    expect(refused.kind === "refused" && refused.reason).toMatch(/93 says 99.*PXEClient:Arch/);
  });

  it("lets the configuration name a loader for any architecture", () => {
    const how = { ...policy, loaders: new Map([[99, "x.efi"]]) };
    expect(plan({ architectures: u16(99) }, null, how)).toMatchObject({ file: "x.efi" });
  });

  it.each([
    ["without option 60", { vendorClass: null }],
    ["of another vendor", { vendorClass: fromText("MSFT 5.0") }],
  ])("gives nothing to a client %s", (_, change) => {
    expect(plan(change).kind).toBe("none");
  });

  it("refuses unknown machines when they are denied, and allows the known ones", () => {
    const how: BootPolicy = { ...policy, unknownNodes: "deny" };
    expect(plan({}, null, how).kind).toBe("refused");
    expect(plan({}, nodeOf("name: a"), how).kind).toBe("loader");
  });

  it("gives architectures without a named loader none where only named ones count", () => {
    const loaders = new Map([[7, "signed_ipxe.efi"]]);
    const how: BootPolicy = { ...policy, loaders, onlyNamedLoaders: true };
    expect(plan({}, null, how)).toMatchObject({ file: "signed_ipxe.efi" });
    expect(plan({ architectures: u16(0) }, null, how).kind).toBe("refused");
    expect(plan({ architectures: u16(0) }, nodeOf("loader: a.kpxe"), how).kind).toBe("loader");
  });

  it("follows the machine's own entry", () => {
    expect(plan({}, nodeOf("netboot: deny")).kind).toBe("refused");
    expect(plan({}, nodeOf("loader: snponly.efi"))).toMatchObject({ file: "snponly.efi" });
    expect(
      plan({ userClass: fromText("iPXE") }, nodeOf('scriptUrl: "https://boot.example/x.ipxe"')),
    ).toEqual({ kind: "script", url: "https://boot.example/x.ipxe" });
  });
});

describe("http.tls.offer says who is told an https URL", () => {
  const secure = `https://192.168.77.1:8443/${mac}`;
  const plain = `${base}/${mac}`;
  const httpClient = { vendorClass: fromText("HTTPClient:Arch:00016"), architectures: u16(16) };
  const ipxe = { userClass: fromText("iPXE"), ipxeOptions: fromHex("130101 140101") };
  const withoutHttps = { ...ipxe, ipxeOptions: fromHex("130101") };

  it.each([
    ["nobody", [], plain, plain],
    ["UEFI HTTP boot", ["uefi-http"], secure, plain],
    ["iPXE", ["ipxe"], plain, secure],
    ["both", ["uefi-http", "ipxe"], secure, secure],
  ] as const)("%s", (_name, to, loader, script) => {
    const how: BootPolicy = { ...policy, https: { port: 8443, to } };
    expect(plan(httpClient, null, how)).toMatchObject({ url: `${loader}/ipxe.efi` });
    expect(plan(ipxe, null, how)).toMatchObject({ url: `${script}/boot.ipxe` });
    expect(plan({}, null, how)).toMatchObject({ transport: "tftp" });
  });

  it("never an iPXE that was built without it, nor where a node has a script of its own", () => {
    const how: BootPolicy = { ...policy, https: { port: 8443, to: ["ipxe"] } };
    expect(plan(withoutHttps, null, how)).toMatchObject({ url: `${plain}/boot.ipxe` });
    const own = nodeOf("scriptUrl: http://boot.example/x.ipxe");
    expect(plan(ipxe, own, how)).toMatchObject({ url: "http://boot.example/x.ipxe" });
  });
});

describe("the table of architectures", () => {
  it("has each number once", () => {
    expect(new Set(architectures.map(({ code }) => code)).size).toBe(architectures.length);
    expect(architectureOf(7)?.name).toBe("x86-64 UEFI");
    expect(architectureOf(999)).toBeNull();
  });
});
