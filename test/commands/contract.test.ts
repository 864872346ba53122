import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { architectures } from "../../src/boot/architecture.ts";
import { smeeLayouts } from "../../src/boot/smee-layout.ts";
import { parseTraceparent, withoutTraceparent } from "../../src/boot/trace-context.ts";
import { readChain, readDownloads } from "../../src/pxe-client/probe/ipxe-interpreter.ts";
import { readByTftp } from "../../src/pxe-client/wire/tftp-read.ts";
import { makeMicroOs } from "../../src/demo/micro-os.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { type DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { concat, fromText, toText, u16 } from "../../src/lib/bytes.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { machineId, message, type Options, packetWith } from "../support/dhcp.ts";
import { RunningSite, type SiteSettings } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

/*
 * Every name and URL that an answer can carry is really served: machines of all kinds ask a running
 * server by DHCP, and whatever it tells them is fetched from it.
 */

const codes = [...architectures.map(({ code }) => code), 99];

const machines = {
  ordinary: macToBytes("52:54:00:00:00:01"),
  "with a loader of its own": macToBytes("52:54:00:00:00:02"),
  "Raspberry Pi": macToBytes("dc:a6:32:00:00:01"),
  "without a hardware address": new Uint8Array(),
  "with a hardware address of 8 bytes": Uint8Array.of(2, 1, 2, 3, 4, 5, 6, 7),
  "with a hardware address of 16 bytes": Uint8Array.from({ length: 16 }, (_, i) => i + 2),
};

/** Reservations need an entry for each machine. */
const nodes = [
  { mac: "52:54:00:00:00:01", address: "127.88.2.1", netmask: "255.255.0.0" },
  {
    mac: "52:54:00:00:00:02",
    address: "127.88.2.2",
    netmask: "255.255.0.0",
    loader: "of-its-own.img",
  },
  { mac: "dc:a6:32:00:00:01", address: "127.88.2.3", netmask: "255.255.0.0" },
];

const kinds: readonly ((code: number) => Options)[] = [
  (code) => client("PXEClient", code),
  (code) => client("HTTPClient", code),
  (code) => ({ ...client("PXEClient", code), [OptionCode.USER_CLASS]: fromText("iPXE") }),
  (code) => ({ ...client("HTTPClient", code), [OptionCode.USER_CLASS]: fromText("iPXE") }),
  (code) => ({
    ...client("PXEClient", code),
    [OptionCode.USER_CLASS]: concat([Uint8Array.of(4), fromText("iPXE")]),
  }),
  (code) => ({ ...client("PXEClient", code), [OptionCode.USER_CLASS]: fromText("Tinkerbell") }),
  (code) => ({
    ...client("PXEClient", code),
    [OptionCode.IPXE_ENCAPSULATED]: Uint8Array.of(19, 1, 1),
  }),
];

function client(vendorClass: string, code: number): Options {
  return {
    [OptionCode.VENDOR_CLASS_IDENTIFIER]: fromText(`${vendorClass}:Arch:00000:UNDI:003001`),
    [OptionCode.CLIENT_SYSTEM_ARCHITECTURE]: u16(code),
    [OptionCode.CLIENT_NETWORK_INTERFACE]: Uint8Array.of(1, 3, 1),
    [OptionCode.CLIENT_MACHINE_IDENTIFIER]: machineId,
  };
}

/** Each kind of client on each machine with each architecture. */
function requests(type: number): readonly DhcpPacket[] {
  let xid = 1;
  return Object.values(machines).flatMap((chaddr) =>
    codes.flatMap((code) =>
      kinds.map((kind) => packetWith(message(kind(code), type), { xid: xid++, chaddr })),
    ),
  );
}

const answerable = (type: number) =>
  packetWith(message(client("PXEClient", 7), type), { chaddr: machines.ordinary });

/** What an answer names, and who serves what is no URL. */
interface Told {
  readonly name: string;
  readonly server: string;
}

function toldBy(answers: readonly DhcpPacket[]): readonly Told[] {
  const told = new Map<string, Told>();
  for (const { file, siaddr, options } of answers) {
    const option = toText(options.get(OptionCode.BOOTFILE_NAME) ?? new Uint8Array());
    for (const name of [file, option]) {
      if (name !== "") told.set(`${name} ${siaddr}`, { name, server: siaddr });
    }
  }
  return [...told.values()];
}

/** By `boot.loaders`; the longer one does not fit the header with SMEE's folders and a trace. */
const configured = ["powerpc.img", "a-loader-with-quite-a-long-name.efi"];
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const sites = (["standard", "smee", "smee-standalone"] as const).flatMap((compatibility) =>
  (["proxy", "full"] as const).map((mode): SiteSettings => ({
    mode,
    compatibility,
    boot: { loaders: { 12: configured[0], 22: configured[1] } },
    nodes,
    trace: parseTraceparent(traceparent),
  })),
);

/** A loader that is for another machine than those which get it is refused at the start. */
const armLoaders = new Set(["snp-arm64.efi", "snp.efi"]);
const ARM64 = 0xaa64;

function forArm64(executable: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(executable);
  const view = new DataView(bytes.buffer);
  // The header of a PE executable begins with its signature; the machine comes next.
  view.setUint16(view.getUint32(0x3c, true) + 4, ARM64, true);
  return bytes;
}

let files: ServedSite;
beforeAll(async () => {
  files = await ServedSite.open();
  const names = new Set([
    ...architectures.map(({ loader }) => loader),
    ...Object.values(smeeLayouts).flatMap(({ loaders }) => [...loaders.values()]),
    ...configured,
    "of-its-own.img",
  ]);
  for (const name of names) {
    if (name === null) continue;
    const { kernel } = makeMicroOs({ kernelBytes: 4096, initramfsBytes: 0, seed: name });
    files.write(`loaders/${name}`, armLoaders.has(name) ? forArm64(kernel) : kernel);
  }
});
afterAll(() => files.close());

describe.each(sites)("what $compatibility in mode $mode tells", (settings) => {
  let site: RunningSite;
  let told: readonly Told[] = [];
  beforeAll(async () => {
    site = await RunningSite.open(files, settings);
    const { DISCOVER, REQUEST } = MessageType;
    const offers = await site.ask("server", requests(DISCOVER), answerable(DISCOVER));
    const acks = site.hasBootServer
      ? await site.ask("boot-server", requests(REQUEST), answerable(REQUEST))
      : [];
    told = toldBy([...offers, ...acks]);
  });
  afterAll(() => site.close());

  /** What came of fetching it as a machine would: its size, or why not. */
  async function fetched({ name, server }: Told): Promise<string> {
    if (name.startsWith("http://")) return fetchedByHttp(name);
    const url = /^tftp:\/\/([^:/]+):(\d+)(\/.*)$/.exec(name);
    const [, host = server, port = String(site.tftpPort), path = name] = url ?? [];
    return readByTftp(openDgram, "127.88.0.2", { address: host, port: Number(port) }, path).then(
      ({ bytes }) => sizeInWords(bytes),
      String,
    );
  }

  it("is what is there to be told", () => {
    const names = told.map(({ name }) => name);
    const bare = (name: string) => withoutTraceparent(name).split("/").at(-1) ?? "";
    const { compatibility, mode } = settings;
    const script = compatibility === "standard" ? "boot.ipxe" : "auto.ipxe";
    const table =
      compatibility === "standard"
        ? architectures.flatMap(({ loader }) => loader ?? [])
        : [...smeeLayouts[compatibility].loaders.values()];
    // In mode proxy the stand-alone SMEE does not look at entries.
    const own = compatibility === "smee-standalone" && mode === "proxy" ? [] : ["of-its-own.img"];
    const expected = new Set([...table, ...configured, ...own, script]);
    expect(new Set(names.map(bare).filter((name) => name !== "netboot-not-allowed"))).toEqual(
      expected,
    );
    expect(new Set(told.map(({ server }) => server).filter((one) => one !== "0.0.0.0"))).toEqual(
      new Set([site.address]),
    );
    expect(names.some((name) => name.startsWith("http://"))).toBe(true);
  });

  it("is served", async () => {
    const real = told.filter(({ name }) => name !== "/netboot-not-allowed");
    const outcomes: (readonly [string, string])[] = [];
    for (const one of real) outcomes.push([one.name, await fetched(one)]);
    expect(outcomes.filter(([, outcome]) => outcome !== "some bytes")).toEqual([]);
  });

  it("names nothing for who may not boot", async () => {
    const words = told.filter(({ name }) => name.endsWith("netboot-not-allowed"));
    const refuses = settings.compatibility !== "standard" && settings.mode === "full";
    expect(words.map(({ server }) => server)).toEqual(refuses ? ["0.0.0.0"] : []);
  });

  it("leads to scripts whose kernel, initramfs and report are served as well", async () => {
    const scripts = told.map(({ name }) => name).filter((name) => name.endsWith(".ipxe"));
    expect(scripts.length).toBeGreaterThan(0);
    const outcomes = await Promise.all(scripts.map(wholeScript));
    expect(outcomes).toEqual(scripts.map(() => ["some bytes", "some bytes", "some bytes"]));
  });

  it("is joined by autoexec.ipxe, by TFTP beside every loader and by HTTP, and that leads to the script", async () => {
    const folders = ["", "/", "52-54-00-00-00-01/"];
    const endpoint = { address: site.address, port: site.tftpPort };
    const texts = await Promise.all(
      folders.map(async (folder) => {
        const parts: Uint8Array[] = [];
        const keep = (data: Uint8Array) => void parts.push(Uint8Array.from(data));
        await readByTftp(openDgram, "127.88.0.2", endpoint, `${folder}autoexec.ipxe`, keep);
        return toText(concat(parts));
      }),
    );
    const { origin } = new URL(told.find(({ name }) => name.startsWith("http://"))?.name ?? "");
    for (const path of [
      "/autoexec.ipxe",
      "/loaders/autoexec.ipxe",
      "/52-54-00-00-00-01/autoexec.ipxe",
    ]) {
      texts.push(await (await fetch(`${origin}${path}`)).text());
    }
    expect(new Set(texts).size).toBe(1);
    const chained = readChain(texts[0] ?? "", { "mac:hexhyp": "52-54-00-00-00-01", uuid: "" });
    expect(chained).toMatch(`${origin}/boot.ipxe?`);
    expect(await wholeScript(chained ?? "")).toEqual(["some bytes", "some bytes", "some bytes"]);
  });

  it("can be had by hand, too", async () => {
    const { origin } = new URL(told.find(({ name }) => name.startsWith("http://"))?.name ?? "");
    const paths = ["/boot.ipxe", "/loaders/ipxe.efi", "/52-54-00-00-00-01/ipxe.efi"];
    const outcomes = await Promise.all(paths.map((path) => fetchedByHttp(`${origin}${path}`)));
    expect(outcomes).toEqual(paths.map(() => "some bytes"));
  });
});

function sizeInWords(bytes: number): string {
  return bytes > 0 ? "some bytes" : "nothing";
}

/** By GET and HEAD alike, and EFI programs with the type that UEFI HTTP boot goes by. */
async function fetchedByHttp(url: string): Promise<string> {
  const [got, head] = await Promise.all([fetch(url), fetch(url, { method: "HEAD" })]);
  const { byteLength } = await got.arrayBuffer();
  if (got.status !== 200 || head.status !== 200) return `status ${got.status}, ${head.status}`;
  const type = got.headers.get("content-type");
  if (withoutTraceparent(url).endsWith(".efi") && type !== "application/efi") return `type ${type}`;
  const length = head.headers.get("content-length");
  return length === String(byteLength) ? sizeInWords(byteLength) : `length ${length}`;
}

/** What came of fetching the kernel and the initramfs of a script, and of its report. */
async function wholeScript(url: string): Promise<readonly string[]> {
  const text = await (await fetch(url)).text();
  const downloads = readDownloads(text, { mac: "52:54:00:00:00:01", ip: "127.88.0.2" });
  const report = /(http:\S+\/events)\?/.exec(text)?.[1] ?? "";
  const reported = await fetch(`${report}?stage=failed&mac=52-54-00-00-00-01`);
  return [
    await fetchedByHttp(downloads?.kernelUrl ?? ""),
    await fetchedByHttp(downloads?.initrdUrl ?? ""),
    reported.ok ? "some bytes" : `status ${reported.status}`,
  ];
}
