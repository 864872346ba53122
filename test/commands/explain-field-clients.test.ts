import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { fromText, toHex } from "../../src/lib/bytes.ts";
import { explained, fieldVariant } from "../support/field.ts";

/* What public reports found of boot clients, by its number in the list of field faults. */

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-field-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A configuration with the link of test/fixtures/field and further keys. */
function configuration(name: string, mode: "full" | "proxy", keys: string): string {
  const file = join(folder, `${name}-${mode}.yaml`);
  const pools = mode === "full" ? ", pools: [192.168.88.100-192.168.88.199]" : "";
  writeFileSync(
    file,
    `interfaces: [{ name: br0, address: 192.168.88.1, dhcp: { mode: ${mode}, subnet: 192.168.88.0/24${pools} } }]\n${keys}\n`,
  );
  return file;
}

const text = (hex: string | null) => (hex === null ? null : Buffer.from(hex, "hex").toString());
const modes = ["proxy", "full"] as const;

describe.each(modes)("field fault 6: an odd PXE client is served in mode %s", (mode) => {
  it.each([
    ["c12a-97-wrong-length", "000102030405060708090a0b0c0d0e14"],
    ["c12b-97-type-ff", "ff000102030405060708090a0b0c0d0e15"],
    ["c12c-97-twice", "00000102030405060708090a0b0c0d0e16"],
    ["c12d-no-94", "00000102030405060708090a0b0c0d0e17"],
  ])("%s, and gets its option 97 back as it sent it", async (name, machineId) => {
    const { packet, option } = await explained(name, mode);
    expect(packet?.file).toBe("ipxe.efi");
    expect(option(97)).toBe(machineId);
  });

  it.each<[string, Readonly<Record<number, readonly number[] | null>>]>([
    ["an empty option 97", { 97: [] }],
    ["an option 97 of 3 bytes", { 97: [0, 1, 2] }],
    ["an option 97 of 33 bytes", { 97: Array.from({ length: 33 }, () => 0) }],
    ["no option 97", { 97: null }],
    ["no option 93: the architecture is in option 60", { 93: null }],
    ["an empty option 93", { 93: [] }],
    ["an option 93 of an odd length", { 93: [0, 7, 0] }],
    ["neither 93 nor 94 nor 97", { 93: null, 94: null, 97: null }],
    ["an option 94 of 2 bytes", { 94: [1, 3] }],
  ])("with %s", async (_, options) => {
    const { packet } = await explained(fieldVariant("c12d-no-94", {}, options), mode);
    expect(packet?.file).toBe("ipxe.efi");
  });

  it.each<[string, Readonly<Record<number, readonly number[] | null>>]>([
    ["whole", { 93: [0, 16] }],
    ["with option 97 of 16 bytes", { 93: [0, 16], 97: Array.from({ length: 16 }, () => 1) }],
    ["without option 93", { 93: null }],
  ])("by HTTP boot, %s", async (_, options) => {
    const http = [...fromText("HTTPClient:Arch:00016:UNDI:003001")];
    const bytes = fieldVariant("c12d-no-94", {}, { ...options, 60: http });
    const { packet, option } = await explained(bytes, mode);
    expect(packet?.file).toBe("http://192.168.88.1:8080/02:a0:00:00:00:17/ipxe.efi");
    expect(text(option(60))).toBe("HTTPClient");
  });
});

describe("field fault 6: a client that announces no architecture at all", () => {
  it("is refused, and the reason says so", async () => {
    const bytes = fieldVariant("c12d-no-94", {}, { 60: [...fromText("PXEClient")], 93: null });
    expect(await explained(bytes, "proxy")).toMatchObject({
      decision: "ignore",
      reason: expect.stringMatching(/option 93 says nothing.*"PXEClient".*boot\.loaders/),
    });
  });
});

describe("field fault 9: a request on port 4011 that names the site's DHCP server", () => {
  it.each(modes)("means us, in mode %s", async (mode) => {
    const { packet, option } = await explained("c13b-4011-54-of-dhcp", mode, {
      port: 4011,
      source: "192.168.88.60:68",
    });
    expect(packet).toMatchObject({ file: "undionly.kpxe", ciaddr: "192.168.88.60" });
    expect([option(53), option(54)]).toEqual(["05", "c0a85801"]);
  });

  it("is left alone on port 67, where it is meant for that server", async () => {
    expect((await explained("c13b-4011-54-of-dhcp", "proxy")).decision).toBe("ignore");
  });
});

describe("field fault 13: a client with a vendor class of its own", () => {
  const keys = "boot: { vendorClasses: [Other, U-Boot], loaders: { 22: snp-arm64.efi } }";

  it.each(modes)("is served in mode %s where boot.vendorClasses names it", async (mode) => {
    const { packet, option } = await explained(
      "c04b-uboot-arm64-ownclass",
      configuration("named", mode, keys),
    );
    expect(packet).toMatchObject({ file: "snp-arm64.efi", siaddr: "192.168.88.1" });
    // A proxy says which class it serves, as dnsmasq does; an offer of an address must not (PXE 2.1).
    expect(text(option(60))).toBe(mode === "proxy" ? "U-Boot" : null);
  });

  it("is answered on port 4011, too", async () => {
    const bytes = fieldVariant("c04b-uboot-arm64-ownclass", {}, { 53: [3] });
    const config = configuration("named", "proxy", keys);
    const { packet, option } = await explained(bytes, config, { port: 4011 });
    expect([packet?.file, text(option(60))]).toEqual(["snp-arm64.efi", "U-Boot"]);
  });

  it("still gets no loader that fits none of its architectures, and the reason says how", async () => {
    const config = configuration("no-loader", "proxy", "boot: { vendorClasses: [U-Boot] }");
    expect(await explained("c04b-uboot-arm64-ownclass", config)).toMatchObject({
      decision: "ignore",
      reason: expect.stringMatching(/option 93 says 22.*"U-Boot\.armv8".*boot\.loaders/),
    });
  });

  it("is told of where it is not named, with what to write", async () => {
    const { decision, reason } = await explained("c04b-uboot-arm64-ownclass", "proxy");
    expect(decision).toBe("ignore");
    expect(reason).toMatch(/option 93: 22.*option 60 says "U-Boot\.armv8".*boot\.vendorClasses/);
    const full = await explained("c04b-uboot-arm64-ownclass", "full");
    expect([full.decision, full.packet?.file]).toEqual(["reply", ""]);
    expect(full.reason).toContain("boot.vendorClasses");
  });

  it("is an ordinary client's where it announces no architecture", async () => {
    const bytes = fieldVariant("c04b-uboot-arm64-ownclass", {}, { 93: null });
    expect((await explained(bytes, "proxy")).reason).toBe("not a network boot client");
    expect(toHex(bytes)).not.toContain("5d02");
  });

  it("cannot be every client's", async () => {
    const config = configuration("empty", "proxy", "boot: { vendorClasses: [''] }");
    await expect(explained("c04b-uboot-arm64-ownclass", config)).rejects.toThrow(/vendorClasses/);
  });
});
