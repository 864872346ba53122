import { OptionCode } from "../dhcp/wire/option-codes.ts";
import { type DhcpPacket } from "../dhcp/wire/packet.ts";
import { MessageType } from "../dhcp/wire/message-type.ts";
import { printable, toText } from "../lib/bytes.ts";
import { ANY_ADDRESS, type Ip4, ip4FromBytes } from "../lib/ip4.ts";
import type { OpenUdp, UdpEndpoint, UdpSocket } from "../net/udp.ts";
import { exchange } from "./wire/dhcp-exchange.ts";
import { bootRequest, type MachineIdentity, systemRequest } from "./wire/dhcp-requests.ts";
import { BootFailure } from "./wire/failure.ts";
import { type HttpAnswer, postForm, readByHttp } from "./wire/http-read.ts";
import { Inbox } from "./wire/inbox.ts";
import { readDownloads } from "./probe/ipxe-interpreter.ts";
import { type Download, readByTftp } from "./wire/tftp-read.ts";

/** Where a simulated machine finds the services, and how it opens sockets. */
export interface MachineSite {
  /** Where its DHCP requests go. */
  readonly dhcp: UdpEndpoint;
  readonly tftpPort: number;
  readonly openUdp: OpenUdp;
}

export interface MachineBoot {
  readonly address: Ip4;
  readonly loader: Download | null;
  readonly script: HttpAnswer;
  readonly kernel: Download;
  readonly initramfs: Download;
  readonly kernelArguments: string;
}

/**
 * Plays one machine from power-on to the running Micro-OS with real packets: DHCP as firmware, the
 * loader by TFTP or HTTP, DHCP as iPXE, script, kernel, initramfs, DHCP as operating system, beacon.
 * The server must lease addresses that this host can bind, such as those of loopback.
 *
 * @throws BootFailure that names the step and what went wrong
 */
export async function bootMachine(
  machine: MachineIdentity,
  site: MachineSite,
): Promise<MachineBoot> {
  const socket = await site.openUdp({ address: site.dhcp.address, port: 0 });
  try {
    return await boot(machine, site, socket);
  } finally {
    await socket.close();
  }
}

async function boot(
  machine: MachineIdentity,
  site: MachineSite,
  socket: UdpSocket,
): Promise<MachineBoot> {
  const inbox = new Inbox(socket);
  const lease = (request: typeof systemRequest) =>
    takeLease(socket, inbox, site.dhcp, machine, request);
  const asFirmware = (stage: "firmware" | "ipxe") =>
    lease((_, xid, selected) => bootRequest(machine, xid, stage, selected));

  const offer = machine.firmware === "ipxe" ? null : await asFirmware("firmware");
  const loader = offer === null ? null : await fetchLoader(machine, site, offer);
  const told = await asFirmware("ipxe");
  const address = told.yiaddr;
  const scriptUrl = bootFileOf(told);
  const script = await readByHttp(scriptUrl, address, { keep: true });
  const downloads = readDownloads(script.text, { mac: machine.mac, ip: address });
  if (downloads === null) throw new BootFailure(`the script ${scriptUrl} fetches no kernel`);
  const kernel = await readByHttp(downloads.kernelUrl, address);
  const initramfs = await readByHttp(downloads.initrdUrl, address);
  const system = await lease((_, xid, selected) => systemRequest(machine.mac, xid, selected));
  await postForm(new URL("/events", scriptUrl).href, system.yiaddr, {
    mac: machine.mac,
    uuid: machine.uuid,
    stage: "micro-os",
  });
  const { kernelArguments } = downloads;
  return { address: system.yiaddr, loader, script, kernel, initramfs, kernelArguments };
}

/** DISCOVER, OFFER, REQUEST, ACK; returns the acknowledgement. */
async function takeLease(
  socket: UdpSocket,
  inbox: Inbox,
  server: UdpEndpoint,
  machine: MachineIdentity,
  request: typeof systemRequest,
): Promise<DhcpPacket> {
  const xid = Math.floor(Math.random() * 0xffffffff);
  const offer = await exchange(socket, inbox, server, request(machine.mac, xid, null));
  const serverId = offer.options.get(OptionCode.SERVER_IDENTIFIER);
  if (offer.yiaddr === ANY_ADDRESS || serverId?.length !== 4) {
    throw new BootFailure("the DHCP offer carries no address or no server identifier");
  }
  const selected = { server: ip4FromBytes(serverId), address: offer.yiaddr };
  const answer = await exchange(socket, inbox, server, request(machine.mac, xid, selected));
  if (answer.options.get(OptionCode.MESSAGE_TYPE)?.[0] !== MessageType.ACK) {
    throw new BootFailure(`the DHCP server refused ${offer.yiaddr} that it had offered`);
  }
  return answer;
}

async function fetchLoader(
  machine: MachineIdentity,
  site: MachineSite,
  offer: DhcpPacket,
): Promise<Download> {
  const file = bootFileOf(offer);
  if (machine.firmware === "uefi-http") return readByHttp(file, offer.yiaddr);
  const server = { address: offer.siaddr, port: site.tftpPort };
  return readByTftp(site.openUdp, offer.yiaddr, server, file);
}

/** Option 67 wins over the header's `file`, as in EDK2. */
function bootFileOf(reply: DhcpPacket): string {
  const option = reply.options.get(OptionCode.BOOTFILE_NAME);
  const file = option === undefined ? reply.file : toText(option);
  if (file === "") throw new BootFailure("the DHCP answer names no boot file");
  return printable(file, 1024);
}
