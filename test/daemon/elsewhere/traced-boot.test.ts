import { get } from "node:http";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseTraceparent } from "../../../src/boot/trace-context.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import type { DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { readSubOptions } from "../../../src/dhcp/wire/sub-options.ts";
import { makeMicroOs } from "../../../src/demo/micro-os.ts";
import { fromText, toHex, toText, u16 } from "../../../src/lib/bytes.ts";
import { macToBytes } from "../../../src/lib/mac.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import { readByTftp } from "../../../src/pxe-client/wire/tftp-read.ts";
import { Collector } from "../../support/collector.ts";
import { machineId, message, packetWith } from "../../support/dhcp.ts";
import { eventually } from "../../support/eventually.ts";
import { RunningSite, type SiteSettings } from "../../support/running-site.ts";
import { ServedSite } from "../../support/served-site.ts";

/* A whole server that is asked by DHCP, TFTP and HTTP, and the collector that it tells. */

const mac = "52:54:00:00:00:01";
const other = { mac: "52:54:00:00:00:02", address: "127.88.2.2", netmask: "255.255.0.0" };
const node = { mac, address: "127.88.2.1", netmask: "255.255.0.0" };

let files: ServedSite;
beforeAll(async () => {
  files = await ServedSite.open();
  const { kernel } = makeMicroOs({ kernelBytes: 4096, initramfsBytes: 0 });
  files.write("loaders/undionly.kpxe", kernel);
});
afterAll(() => files.close());

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

type Traced = Pick<SiteSettings, "mode" | "compatibility"> & {
  readonly encoding?: "json" | "protobuf";
  readonly trace?: string;
};

async function opened({ mode, compatibility, encoding = "json", trace = "" }: Traced) {
  const collector = await Collector.open();
  closers.push(() => collector.close());
  const site = await RunningSite.open(files, {
    mode,
    compatibility,
    boot: {},
    nodes: [node, other],
    trace: parseTraceparent(trace),
    telemetry: { otlp: { url: collector.url, encoding } },
  });
  closers.push(() => site.close());
  return { site, collector };
}

function discover(vendorClass: string, architecture: number, userClass = ""): DhcpPacket {
  const options = {
    [OptionCode.VENDOR_CLASS_IDENTIFIER]: fromText(`${vendorClass}:Arch:00000:UNDI:003001`),
    [OptionCode.CLIENT_SYSTEM_ARCHITECTURE]: u16(architecture),
    [OptionCode.CLIENT_NETWORK_INTERFACE]: Uint8Array.of(1, 3, 1),
    [OptionCode.CLIENT_MACHINE_IDENTIFIER]: machineId,
    ...(userClass === "" ? {} : { [OptionCode.USER_CLASS]: fromText(userClass) }),
  };
  return packetWith(message(options, MessageType.DISCOVER), { xid: 1, chaddr: macToBytes(mac) });
}

/** What the first answer to a request says: the name of the file, and the trace in option 43. */
async function told(site: RunningSite, request: DhcpPacket) {
  const before = { ...request, xid: 1, chaddr: macToBytes(other.mac) };
  const answers = await site.ask("server", [before], request);
  const answer = answers.find(({ xid }) => xid !== 1);
  const file = toText(answer?.options.get(OptionCode.BOOTFILE_NAME) ?? new Uint8Array());
  const vendor = answer?.options.get(OptionCode.VENDOR_SPECIFIC) ?? new Uint8Array();
  const trace = readSubOptions(vendor, "vendor").get(69) ?? null;
  const name = file === "" ? (answer?.file ?? "") : file.replace("\0", "");
  return { name, trace: trace === null ? null : toHex(trace) };
}

/** As the machine, from the address that it has. */
async function fetched(url: string, headers = {}): Promise<string> {
  const parts: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const asked = get(url, { localAddress: node.address, agent: false, headers }, (answer) => {
      expect(answer.statusCode).toBe(200);
      answer.on("data", (part: Buffer) => parts.push(part));
      answer.once("end", resolve).once("error", reject);
    });
    asked.once("error", reject);
  });
  return Buffer.concat(parts).toString("latin1");
}

function byTftp(site: RunningSite, name: string) {
  const endpoint = { address: site.address, port: site.tftpPort };
  return readByTftp(openDgram, node.address, endpoint, name);
}

const form = /-(00-([0-9a-f]{32})-([0-9a-f]{16})-01)$/;

describe.each([
  { mode: "proxy", compatibility: "standard", encoding: "json" },
  { mode: "full", compatibility: "standard", encoding: "protobuf" },
] as const)("a boot in mode $mode, told in $encoding", (settings) => {
  it("carries one trace through DHCP, TFTP, the script and the kernel's command line to the collector", async () => {
    const { site, collector } = await opened(settings);
    const offer = await told(site, discover("PXEClient", 0));
    const [, traceparent = "", traceId = "", spanId = ""] = form.exec(offer.name) ?? [];
    site.events.emit({ event: "address-learned", ...node, interface: "lo" });
    expect(offer.name).toBe(`undionly.kpxe-${traceparent}`);
    expect(offer.trace).toBe(traceparent.replaceAll("-", ""));
    expect((await byTftp(site, offer.name)).bytes).toBe(4096);
    const ipxe = await told(site, discover("PXEClient", 0, "iPXE"));
    expect(ipxe.name).toBe(`${site.httpUrl}/${mac}/boot.ipxe`);
    expect(ipxe.trace).toBe(offer.trace);
    const script = await fetched(ipxe.name);
    expect(script).toContain(` traceparent=${traceparent}`);
    await fetched(`${site.httpUrl}/artifacts/vmlinuz-x86_64`);
    await fetched(`${site.httpUrl}/artifacts/initramfs-x86_64`);

    await eventually(() => expect(collector.named("initramfs-start")).toHaveLength(1));
    const own = collector.spans.filter((span) => span.traceId === traceId);
    expect(own.map(({ name }) => name)).toEqual([
      "discover",
      "offer",
      "loader-start",
      "loader-done",
      "ipxe-discover",
      "ipxe-offer",
      "script",
      "kernel",
      "initramfs-start",
    ]);
    expect(new Set(own.map((span) => span.parentSpanId))).toEqual(new Set([spanId]));
    const [start] = collector.named("loader-start");
    expect(start?.attributes).toMatchObject({
      "eim_pxe.file": "undionly.kpxe",
      "eim_pxe.protocol": "tftp",
      "eim_pxe.bytes": 4096,
    });
    expect(start?.resource).toMatchObject({ "service.name": "eim-pxe" });
    for (const { startMs, endMs } of collector.spans) expect(endMs).toBeGreaterThanOrEqual(startMs);
    expect(collector.requests[0]?.path).toBe("/v1/traces");
    expect(collector.requests[0]?.headers["content-type"]).toMatch(settings.encoding);
  });

  it("has loaders under the names that it tells, by UEFI HTTP boot too, with their own type", async () => {
    const { site } = await opened(settings);
    const { name } = await told(site, discover("HTTPClient", 16));
    expect(name).toMatch(form);
    const answer = await fetch(name);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/efi");
    const plain = await fetch(name.replace(form, ""));
    expect(await plain.text()).toBe(await answer.text());
  });
});

describe("a trace of SMEE's", () => {
  const traceId = "23b1e307bb35484f535a1f772c06910e";
  const given = `00-${traceId}-d887dc3912240434-01`;

  it.each(["standard", "smee"] as const)(
    "in the name of a loader goes on to the collector and to the kernel (%s)",
    async (compatibility) => {
      const { site, collector } = await opened({ mode: "full", compatibility });
      // SMEE gave out address and name; here the machine comes for the file.
      await byTftp(site, `undionly.kpxe-${given}`);
      const script = await fetched(`${site.httpUrl}/boot.ipxe`);
      expect(script).toMatch(new RegExp(` traceparent=00-${traceId}-[0-9a-f]{16}-01`));
      await fetched(`${site.httpUrl}/artifacts/vmlinuz-x86_64`);
      await eventually(() => expect(collector.named("script")).toHaveLength(1));
      expect(new Set(collector.spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    },
  );

  it("in the header of a request for the script goes on too", async () => {
    const { site, collector } = await opened({ mode: "full", compatibility: "standard" });
    // The machine is known to be at the address that the request comes from: of others nothing is believed.
    const sender = { mac, address: "127.0.0.1", interface: "lo", leaseSeconds: 60 };
    site.events.emit({ event: "lease-granted", ...sender });
    const script = await fetched(`${site.httpUrl}/${mac}/boot.ipxe`, { traceparent: given });
    expect(script).toContain(` traceparent=00-${traceId}-`);
    await fetched(`${site.httpUrl}/artifacts/vmlinuz-x86_64`);
    await eventually(() => expect(collector.named("script")).toHaveLength(1));
    expect(collector.named("script")[0]?.traceId).toBe(traceId);
  });

  it("is made as SMEE makes it in its compatibility: reservations have it, in 43.69 and in the name", async () => {
    const { site } = await opened({ mode: "full", compatibility: "smee" });
    const offer = await told(site, discover("PXEClient", 0));
    const [, traceparent = ""] = form.exec(offer.name) ?? [];
    expect(offer).toEqual({
      name: `undionly.kpxe-${traceparent}`,
      trace: traceparent.replaceAll("-", ""),
    });
    expect(traceparent).not.toBe("");
    const proxy = await opened({ mode: "proxy", compatibility: "smee" });
    const name = await told(proxy.site, discover("PXEClient", 0));
    expect(name).toEqual({ name: "undionly.kpxe", trace: null });
  });

  it("that the process belongs to is that of all boots", async () => {
    const settings = { mode: "full", compatibility: "smee", trace: given } as const;
    const { site } = await opened(settings);
    const offer = await told(site, discover("PXEClient", 0));
    expect(offer.name).toMatch(new RegExp(`^undionly\\.kpxe-00-${traceId}-[0-9a-f]{16}-01$`));
  });
});
