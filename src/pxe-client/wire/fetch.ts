import { type Ip4, parseIp4 } from "../../lib/ip4.ts";
import type { OpenConnectedUdp, OpenUdp, UdpEndpoint } from "../../net/udp.ts";
import { encodePacket } from "../../tftp/wire/packet.ts";
import type { BootSource } from "./boot-source.ts";
import { BootFailure } from "./failure.ts";
import { type HttpAnswer, readByHttp } from "./http-read.ts";
import { readByTftp } from "./tftp-read.ts";

export interface FetchSite {
  /** Our address, which downloads come to. */
  readonly address: Ip4;
  readonly openUdp: OpenUdp;
  readonly openConnectedUdp: OpenConnectedUdp;
}

const TFTP_PORT = 69;
const redirections = 5;
/** How long a closed port's ICMP message may take. */
const closedPortMs = 500;
/** A script by TFTP is kept up to this size. */
const keptBytes = 1024 * 1024;

/**
 * Fetches a file as a booting machine does; it is hashed and kept only as text when `keep` is set.
 *
 * @throws BootFailure when it does not come
 */
export async function fetchSource(
  source: BootSource,
  site: FetchSite,
  keep: boolean,
): Promise<HttpAnswer> {
  return source.kind === "http"
    ? fetchByHttp(source.url, site.address, keep, redirections)
    : fetchByTftp(source, site, keep);
}

/** iPXE and EDK2 follow redirections. */
async function fetchByHttp(
  url: string,
  localAddress: Ip4,
  keep: boolean,
  left: number,
): Promise<HttpAnswer> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new BootFailure(`${url} is no HTTP URL`);
  }
  try {
    return await readByHttp(url, localAddress, { keep });
  } catch (error) {
    const fault = error instanceof BootFailure ? error.fault : null;
    if (fault?.kind !== "http-status" || fault.status < 301 || fault.status > 308) throw error;
    if (left === 0 || fault.location === null || !URL.canParse(fault.location, url)) throw error;
    return fetchByHttp(new URL(fault.location, url).href, localAddress, keep, left - 1);
  }
}

async function fetchByTftp(
  { server, file }: Extract<BootSource, { kind: "tftp" }>,
  { address, openUdp }: FetchSite,
  keep: boolean,
): Promise<HttpAnswer> {
  if (parseIp4(server) === null) {
    const fault = { kind: "unreachable", errno: "a name where an address is needed" } as const;
    throw new BootFailure(`TFTP ${server}: not an IPv4 address`, { fault });
  }
  let text = "";
  const decoder = new TextDecoder();
  const download = await readByTftp(
    openUdp,
    address,
    { address: server, port: TFTP_PORT },
    file,
    (data) => {
      if (keep && text.length < keptBytes) text += decoder.decode(data, { stream: true });
    },
  );
  return { ...download, text };
}

/** Whether a silent TFTP server's host says that nothing listens on UDP 69 there. */
export async function isTftpPortClosed(server: Ip4, site: FetchSite): Promise<boolean> {
  if (parseIp4(server) === null) return false;
  const peer: UdpEndpoint = { address: server, port: TFTP_PORT };
  const socket = await site.openConnectedUdp({ address: site.address, port: 0 }, peer);
  try {
    return await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), closedPortMs);
      socket.onError(() => {
        clearTimeout(timer);
        resolve(true);
      });
      // An ERROR packet starts no transfer, and any closed port answers it.
      socket.send(encodePacket({ opcode: "error", code: 0, message: "" }), peer);
    });
  } finally {
    await socket.close();
  }
}

/**
 * What a URL or name in a script stands for, relative to where the script came from; null when it is
 * neither HTTP nor TFTP.
 */
export function resolveSource(target: string, base: BootSource): BootSource | null {
  const from =
    base.kind === "http" ? base.url : `tftp://${base.server}/${base.file.replace(/^\/+/, "")}`;
  if (!URL.canParse(target, from)) return null;
  const url = new URL(target, from);
  switch (url.protocol) {
    case "http:":
    case "https:":
      return { kind: "http", url: url.href };
    case "tftp:":
      return { kind: "tftp", server: url.hostname, file: url.pathname.slice(1) };
    default:
      return null;
  }
}
