import { Buffer } from "node:buffer";

/*
 * SMEE's answers once more, from bytes to bytes and sharing nothing with src/: what our compatibility is
 * compared with where there is no vector. The vectors show that this is right itself.
 */

/** What SMEE knows of a machine. */
export interface SmeeRecord {
  readonly address: string | null;
  readonly netmask: string | null;
  readonly gateway: string | null;
  readonly nameServers: readonly string[];
  readonly timeServers: readonly string[];
  readonly hostname: string;
  readonly domain: string;
  /** The stand-alone one's alone. */
  readonly search: readonly string[];
  readonly broadcast: string | null;
  readonly leaseSeconds: number;
  readonly allowPxe: boolean;
  readonly disabled: boolean;
  readonly binary: string | null;
  readonly scriptUrl: string | null;
  readonly tftpServerName: string | null;
  readonly bootFileName: string | null;
  readonly routes: readonly (readonly [network: string, prefix: number, gateway: string])[];
}

export interface SmeeSite {
  readonly line: "smee" | "smee-standalone";
  readonly mode: "reservation" | "proxy" | "auto-proxy";
  readonly address: string;
  readonly httpPort: number;
  readonly record: SmeeRecord | null;
  readonly traceparent: string | null;
}

export interface Reference {
  readonly destination: string;
  readonly hex: string;
}

type Options = Map<number, Buffer>;

const ip = (text: string): Buffer => Buffer.from(text.split(".").map(Number));
const quad = (bytes: Buffer): string => [...bytes].join(".");

function optionsOf(bytes: Buffer): Options | null {
  const found: Options = new Map();
  let at = 240;
  if (bytes.length === 240) return found;
  for (;;) {
    const code = bytes[at];
    if (code === undefined) return null;
    if (code === 255) return found;
    at += 1;
    if (code === 0) continue;
    const length = bytes[at];
    if (length === undefined || at + 1 + length > bytes.length) return null;
    const part = bytes.subarray(at + 1, at + 1 + length);
    found.set(code, Buffer.concat([found.get(code) ?? Buffer.alloc(0), part]));
    at += 1 + length;
  }
}

const piVendors = ["b827eb", "dca632", "e45f01", "28cdc1", "d83add"];

function architectureOf(hardware: Buffer, value: Buffer): number {
  if (piVendors.includes(hardware.subarray(0, 3).toString("hex"))) return 41;
  if (value.length % 2 === 1) return 255;
  for (let at = 0; at < value.length; at += 2) {
    const number = value.readUInt16BE(at);
    if (number <= 36) return number;
  }
  return 255;
}

function binaryOf(line: SmeeSite["line"], architecture: number): string | null {
  if (architecture <= 5) return "undionly.kpxe";
  if ([6, 7, 8, 9, 15, 16].includes(architecture)) return "ipxe.efi";
  if ([10, 11, 18, 19, 41].includes(architecture)) {
    return line === "smee" ? "snp-arm64.efi" : "snp.efi";
  }
  return line === "smee" && architecture === 20 ? "undionly.kpxe" : null;
}

/** What is answered to a datagram from `IP:PORT`; null: nothing. */
export function referenceAnswer(bytes: Buffer, source: string, site: SmeeSite): Reference | null {
  if (bytes.length < 240 || bytes.readUInt32BE(236) !== 0x63825363) return null;
  const options = optionsOf(bytes);
  if (options === null) return null;
  const hardware = bytes.subarray(28, 28 + Math.min(bytes[2] ?? 0, 16));
  const type = options.get(53)?.length === 1 ? options.get(53)?.[0] : 0;
  if (type !== 1 && type !== 3) return null;
  const { line, mode, address, httpPort, record } = site;
  const proxy = mode !== "reservation";
  if (proxy && bytes[0] !== 1) return null;

  const vendor = options.get(60)?.toString("latin1") ?? "";
  const http = vendor.startsWith("HTTPClient");
  const id = options.get(97) ?? Buffer.alloc(0);
  const valid =
    (http || vendor.startsWith("PXEClient")) &&
    options.has(93) &&
    options.has(94) &&
    (id.length === 0 || (id.length === 17 && id[0] === 0));
  const architecture = architectureOf(hardware, options.get(93) ?? Buffer.alloc(0));
  const usual = binaryOf(line, architecture);
  const pi = architecture === 41;
  const mac = hardware.toString("hex").match(/../g)?.join(":") ?? "";
  const folder = mac === "" ? "" : `${mac}/`;
  const userClass = options.get(77)?.toString("latin1");
  const [binaries, scripts] =
    line === "smee" ? ["/ipxe/binary/", "/ipxe/script/"] : ["/ipxe/", "/"];
  const base = `http://${address}:${httpPort}`;
  const fileFor = (binary: string, scriptUrl: string | null): string => {
    if (userClass === "Tinkerbell") return scriptUrl ?? `${base}${scripts}${folder}auto.ipxe`;
    if (http) return `${base}${binaries}${folder}${binary}`;
    return userClass === "iPXE" ? `tftp://${address}:69/${folder}${binary}` : binary;
  };
  const discovery = Buffer.concat([
    Buffer.from("060108", "hex"),
    pi ? Buffer.from("0914000011", "hex") : Buffer.alloc(0),
    pi ? Buffer.from("Raspberry Pi Boot\x0a\x04\x00PXE", "latin1") : Buffer.alloc(0),
  ]);

  const reply: Options = new Map([[53, Buffer.from([type === 1 ? 2 : 5])]]);
  for (const code of [61, 82]) {
    const value = options.get(code);
    if (value !== undefined && value.length > 0) reply.set(code, value);
  }
  const header = { yiaddr: "0.0.0.0", siaddr: address, sname: "", file: Buffer.alloc(0) };
  // The stand-alone one takes no record without these, and in auto-proxy none at all.
  const broken =
    line === "smee-standalone" && (record?.address === null || record?.netmask === null);
  const looksUp = line === "smee" || mode !== "auto-proxy";

  if (proxy) {
    if (!valid || usual === null) return null;
    const known = looksUp && !broken ? record : null;
    if (known === null && mode === "proxy") return null;
    const refused = known?.allowPxe === false;
    if (refused && line === "smee-standalone") return null;
    const binary = line === "smee" ? (known?.binary ?? usual) : usual;
    header.file = Buffer.from(refused ? `/${folder}netboot-not-allowed` : fileFor(binary, null));
    header.sname = address;
    reply.set(43, discovery);
    reply.set(54, ip(address));
    reply.set(60, Buffer.from(http ? "HTTPClient" : "PXEClient"));
    reply.set(97, id);
  } else {
    if (record === null || record.disabled || broken) return null;
    header.yiaddr = record.address ?? "0.0.0.0";
    setNetwork(reply, record, site);
    const named = line === "smee" ? (record.tftpServerName ?? record.bootFileName) : null;
    if (named !== null) {
      if (record.tftpServerName !== null) reply.set(66, Buffer.from(record.tftpServerName));
      if (record.bootFileName !== null) reply.set(67, Buffer.from(record.bootFileName));
      header.file = Buffer.from(record.bootFileName ?? "");
    } else if (valid) {
      if (http) reply.set(60, Buffer.from("HTTPClient"));
      const binary = record.binary ?? usual;
      if (!record.allowPxe || binary === null) {
        header.file = Buffer.from("/netboot-not-allowed");
        header.siaddr = "0.0.0.0";
      } else {
        const { traceparent } = site;
        const traced = traceparent === null ? binary : `${binary}-${traceparent}`;
        const trace =
          traceparent === null
            ? Buffer.alloc(26)
            : Buffer.from(traceparent.replaceAll("-", ""), "hex");
        header.file = Buffer.from(fileFor(traced, record.scriptUrl));
        reply.set(43, Buffer.concat([discovery, Buffer.from([69, 26]), trace]));
      }
    }
  }

  const out = Buffer.alloc(240);
  out[0] = bytes[0] === 1 ? 2 : 1;
  out[1] = bytes[1] ?? 0;
  out[2] = hardware.length;
  bytes.copy(out, 4, 4, 8);
  bytes.copy(out, 10, 10, 12);
  ip(header.yiaddr).copy(out, 16);
  ip(header.siaddr).copy(out, 20);
  bytes.copy(out, 24, 24, 28);
  hardware.copy(out, 28);
  out.write(header.sname, 44, "latin1");
  header.file.subarray(0, 127).copy(out, 108);
  out.writeUInt32BE(0x63825363, 236);
  const whole = Buffer.concat([out, encoded(reply)]);
  const padded = Buffer.concat([whole, Buffer.alloc(Math.max(0, 300 - whole.length))]);

  const giaddr = quad(bytes.subarray(24, 28));
  const peer = source.replace(/^0\.0\.0\.0:/, "255.255.255.255:");
  return {
    destination: giaddr === "0.0.0.0" ? peer : `${giaddr}:67`,
    hex: padded.toString("hex"),
  };
}

function setNetwork(reply: Options, record: SmeeRecord, { line, address }: SmeeSite): void {
  const set = (code: number, value: Buffer) => {
    if (value.length > 0) reply.set(code, value);
  };
  const list = (addresses: readonly string[]) => Buffer.concat(addresses.map(ip));
  const current = line === "smee";
  if (record.netmask !== null) set(1, ip(record.netmask));
  if (record.gateway !== null) set(3, ip(record.gateway));
  set(6, list(record.nameServers));
  set(7, ip(address));
  set(12, Buffer.from(record.hostname));
  set(15, Buffer.from(record.domain));
  if (current && record.address !== null && record.netmask !== null) {
    const mask = ip(record.netmask);
    set(28, Buffer.from(ip(record.address).map((byte, i) => byte | (~(mask[i] ?? 0) & 0xff))));
  } else if (!current && record.broadcast !== null) set(28, ip(record.broadcast));
  set(42, list(record.timeServers));
  const lease = Buffer.alloc(4);
  lease.writeUInt32BE(record.leaseSeconds);
  set(51, lease);
  set(54, ip(address));
  const search = current ? [record.domain].filter((name) => name !== "") : record.search;
  set(119, Buffer.concat(search.map(labels)));
  if (!current) return;
  set(
    121,
    Buffer.concat(
      record.routes.map(([network, prefix, gateway]) =>
        Buffer.concat([
          Buffer.from([prefix]),
          ip(network).subarray(0, Math.ceil(prefix / 8)),
          ip(gateway),
        ]),
      ),
    ),
  );
}

function labels(name: string): Buffer {
  const parts = name
    .split(".")
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function encoded(options: Options): Buffer {
  const order = (code: number) => (code === 82 ? 254.5 : code);
  const parts = [...options]
    .toSorted(([a], [b]) => order(a) - order(b))
    .flatMap(([code, value]) => {
      if (value.length === 0) return [Buffer.from([code, 0])];
      const chunks: Buffer[] = [];
      for (let at = 0; at < value.length; at += 255) {
        const chunk = value.subarray(at, at + 255);
        chunks.push(Buffer.from([code, chunk.length]), chunk);
      }
      return chunks;
    });
  return Buffer.concat([...parts, Buffer.from([255])]);
}
