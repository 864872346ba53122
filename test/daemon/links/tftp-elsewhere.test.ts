import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { explain } from "../../../src/commands/explain.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { fromText, toHex } from "../../../src/lib/bytes.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { firmware, message, type Options, packetWith } from "../../support/dhcp.ts";
import { FakeProgram } from "../../support/program.ts";
import { configurationOf, environmentOf, nodesOf } from "../../support/smee-site.ts";
import { type SmeeVector, smeeVectors } from "../../support/smee-vectors.ts";

/*
 * Loaders by TFTP from another host (`tftp.advertise`), and the defaults for name servers and search lists that
 * SMEE has since October 2026.
 */

const own = "192.168.77.1";
const tftp = "192.168.77.5";
const mac = "08:00:27:29:4e:67";
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-tftp-elsewhere-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Site {
  readonly mode?: "proxy" | "full";
  readonly compatibility?: string;
  readonly advertise?: string | null;
  /** Keys of the link's `dhcp`. */
  readonly link?: object;
  readonly node?: object;
}

function write(name: string, value: unknown): string {
  const file = join(folder, name);
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(value));
  return file;
}

function configured({
  mode = "proxy",
  compatibility = "standard",
  advertise = tftp,
  link = {},
  node = {},
}: Site): string {
  const pools =
    mode === "full" && compatibility === "standard" ? ["192.168.77.100-192.168.77.109"] : [];
  const dhcp = { mode, subnet: "192.168.77.0/24", pools, ...link };
  const entry = { mac, address: "192.168.77.20", netmask: "255.255.255.0", ...node };
  return write("eim-pxe.yaml", {
    dataDir: join(folder, "none"),
    interfaces: [{ name: "eth1", address: own, dhcp }],
    dhcp: { compatibility, allowOtherServers: true },
    tftp: { advertise },
    nodes: { file: write("nodes.yaml", [entry]) },
  });
}

async function answerTo(site: Site, options: Options, port: 67 | 4011 = 67) {
  const program = new FakeProgram();
  const source = port === 67 ? null : "192.168.77.50:4011";
  const ciaddr = port === 67 ? "0.0.0.0" : "192.168.77.50";
  const hex = toHex(encodePacket(packetWith(options, { ciaddr })));
  await explain(program, configured(site), { interface: null, source, port, hex });
  const { packet } = JSON.parse(program.written).reply;
  const option = (code: number): string | undefined =>
    packet.options.find((one: { code: number }) => one.code === code)?.value;
  return { ...packet, option };
}

const tinkerbell = { ...firmware.uefi, [OptionCode.USER_CLASS]: fromText("Tinkerbell") };
const otherIpxe = { ...firmware.uefi, [OptionCode.USER_CLASS]: fromText("iPXE") };

describe("tftp.advertise: loaders by TFTP from another host", () => {
  test.each(["proxy", "full"] as const)(
    "is the next server of firmware in mode %s",
    async (mode) => {
      const packet = await answerTo({ mode }, message(firmware.bios));
      expect(packet).toMatchObject({ siaddr: tftp, file: "undionly.kpxe" });
      expect(packet.option(66)).toBe(tftp);
      expect(packet.sname).toBe(mode === "proxy" ? tftp : "");
      // Whose answer it is stays.
      expect(packet.option(54)).toBe(own);
    },
  );

  test.each(["proxy", "full"] as const)(
    "is nothing to UEFI HTTP boot and to iPXE in mode %s: what they fetch is ours",
    async (mode) => {
      for (const [kind, file] of [
        ["uefiHttp", `http://${own}:8080/${mac}/ipxe.efi`],
        ["ipxe", `http://${own}:8080/${mac}/boot.ipxe`],
      ] as const) {
        expect(await answerTo({ mode }, message(firmware[kind]))).toMatchObject({
          siaddr: own,
          file,
        });
      }
    },
  );

  test("is in the boot server's acknowledgement, too", async () => {
    const packet = await answerTo({}, message(firmware.uefi, MessageType.REQUEST), 4011);
    expect(packet).toMatchObject({ siaddr: tftp, sname: tftp, file: "ipxe.efi" });
    expect(packet.option(54)).toBe(own);
  });

  test.each(["smee", "smee-2026-10", "smee-standalone"])(
    "is SMEE's next server, and a proxy's server identifier, in compatibility %s",
    async (compatibility) => {
      const reservation = await answerTo({ mode: "full", compatibility }, message(firmware.bios));
      expect([reservation.siaddr, reservation.option(54)]).toEqual([tftp, own]);
      const proxy = await answerTo({ compatibility }, message(firmware.bios));
      expect([proxy.siaddr, proxy.sname, proxy.option(54)]).toEqual([tftp, tftp, tftp]);
      const http = await answerTo({ compatibility }, message(firmware.uefiHttp));
      expect([http.siaddr, http.sname, http.option(54)]).toEqual([own, own, own]);
      const script = await answerTo({ compatibility }, message(tinkerbell));
      expect([script.siaddr, script.file]).toEqual([
        tftp,
        expect.stringContaining(`http://${own}`),
      ]);
    },
  );

  test.each([
    [tftp, 69],
    [`${tftp}:1069`, 1069],
  ])("is told other iPXE with its port: %s", async (advertise, port) => {
    const site = { compatibility: "smee", advertise } as const;
    const { file } = await answerTo(site, message(otherIpxe));
    expect(file).toBe(`tftp://${tftp}:${port}/${mac}/ipxe.efi`);
  });

  test.each([
    ["tftp: { advertise: boot.example }", "must be an IPv4 address such as 192.168.77.5"],
    ["tftp: { advertise: 0.0.0.0 }", "must be an IPv4 address such as 192.168.77.5"],
    ['tftp: { advertise: "192.168.77.5:0" }', "must be an IPv4 address such as 192.168.77.5"],
    ['tftp: { advertise: "192.168.77.5:70000" }', "must be an IPv4 address such as 192.168.77.5"],
    ['tftp: { advertise: "192.168.77.5:1069" }', "cannot tell machines the port 1069"],
  ])("is refused where it cannot be told: %s", (text, message_) => {
    expect(() => parseConfig(text, "eim-pxe.yaml", {})).toThrow(ConfigError);
    expect(() => parseConfig(text, "eim-pxe.yaml", {})).toThrow(message_);
  });
});

describe("dhcp.compatibility: smee-2026-10", () => {
  const defaults = { dns: ["10.0.0.53", "10.0.0.54"], domainSearch: ["site.example", "example"] };
  const inFull = (compatibility: string, node: object, link: object = defaults) =>
    answerTo({ mode: "full", compatibility, advertise: null, link, node }, message(firmware.bios));

  test("gives a record without name servers and search list those of the link", async () => {
    const packet = await inFull("smee-2026-10", {});
    expect([packet.option(6), packet.option(119)]).toEqual([
      "10.0.0.53, 10.0.0.54",
      "site.example, example",
    ]);
    const before = await inFull("smee", {});
    expect([before.option(6), before.option(119)]).toEqual([undefined, undefined]);
  });

  test("leaves to a record what it says", async () => {
    const said = await inFull("smee-2026-10", { dns: ["8.8.8.8"], domain: "own.example" });
    expect([said.option(6), said.option(119)]).toEqual(["8.8.8.8", "own.example"]);
    const list = await inFull("smee-2026-10", { domain: "x", domainSearch: ["a.example", "b"] });
    expect([list.option(15), list.option(119)]).toEqual(["x", "a.example, b"]);
  });

  test.each(smeeVectors.filter(({ flavour }) => flavour === "smee"))(
    "answers as SMEE before where no defaults are set: $mode $id: $name",
    async (vector) => {
      const program = new FakeProgram("", environmentOf(vector));
      const { source, request: hex } = vector;
      await explain(program, ofVector(vector), { interface: null, source, port: 67, hex });
      const { reply } = JSON.parse(program.written);
      expect({ destination: reply?.destination, hex: reply?.hex }).toEqual({
        destination: vector.reply?.destination,
        hex: vector.reply?.hex,
      });
    },
  );

  function ofVector(vector: SmeeVector): string {
    const nodes = write("vector-nodes.yaml", nodesOf(vector));
    const files = { interface: "nosuch0", dataDir: join(folder, "none"), nodes };
    const dhcp = { compatibility: "smee-2026-10" };
    return write("vector.yaml", { ...configurationOf(vector, files), dhcp });
  }
});

test("in standard, a link's search list is told machines whose entry has none", async () => {
  const site = { mode: "full", advertise: null, link: { domainSearch: ["site.example"] } } as const;
  const asked = message(firmware.operatingSystem);
  expect((await answerTo(site, asked)).option(119)).toBe("site.example");
  const named = { ...site, node: { domainSearch: ["own.example"] } };
  expect((await answerTo(named, asked)).option(119)).toBe("own.example");
});
