/**
 * A machine on the link of device `eth0` that does what it is told by lines on its standard input, and
 * tells the outcome of each in a line of JSON:
 *
 * - `boot ADDRESS MAC`: as UEFI firmware, with this address of its own: discovers, fetches the loader
 *   that it is offered by TFTP and the boot script by HTTP from the same server.
 * - `choose ADDRESS MAC SERVER WANTED`: requests the address WANTED of that SERVER, as firmware, as iPXE and
 *   as an operating system, and asks it as a boot server, of everybody who listens; then discovers. Tells
 *   the numbers (`xid`) of the requests, and of the discovery, whose answer it waited for.
 * - `begin ADDRESS SERVER`: asks for `ipxe.efi` by TFTP and stops after the first block.
 * - `finish`: goes on with that transfer to its end.
 */
import { createInterface } from "node:readline";
import { exchange } from "../../../src/pxe-client/wire/dhcp-exchange.ts";
import {
  bootRequest,
  bootServerRequest,
  type MachineIdentity,
  systemRequest,
} from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { newXid } from "../../../src/pxe-client/wire/dhcp-wire.ts";
import { readByHttp } from "../../../src/pxe-client/wire/http-read.ts";
import { Inbox } from "../../../src/pxe-client/wire/inbox.ts";
import { readByTftp } from "../../../src/pxe-client/wire/tftp-read.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { messageOf } from "../../../src/lib/errors.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { UdpSocket } from "../../../src/net/udp.ts";
import { TftpClient } from "../../support/tftp-client.ts";

const tell = (line: object): void => console.log(JSON.stringify(line));
let transfer: TftpClient | null = null;

const everybody = { address: "255.255.255.255", port: 67 };

function machineOf(mac: string): MachineIdentity {
  return { mac, uuid: "5d6c7b1e-0000-4000-8000-000000000001", firmware: "uefi" };
}

function openClientPort(address: string): Promise<UdpSocket> {
  return openDeviceSocket({ device: "eth0", address, port: 68, passed: [], onlyDevice: true });
}

async function choose(own: string, mac: string, server: string, address: string): Promise<object> {
  const socket = await openClientPort(own);
  try {
    const machine = machineOf(mac);
    const selected = { server, address };
    const bootServer = { address, serverId: server, itemType: 0 };
    const requests = [
      bootRequest(machine, newXid(), "firmware", selected),
      bootRequest(machine, newXid(), "ipxe", selected),
      systemRequest(mac, newXid(), selected),
      bootServerRequest(machine, newXid(), "firmware", bootServer),
    ];
    for (const request of requests) {
      for (const port of [67, 4011]) socket.send(encodePacket(request), { ...everybody, port });
    }
    const discover = bootRequest(machine, newXid(), "firmware", null);
    await exchange(socket, new Inbox(socket), everybody, discover);
    return { requests: requests.map(({ xid }) => xid), discovery: discover.xid };
  } finally {
    await socket.close();
  }
}

async function boot(own: string, mac: string): Promise<object> {
  const socket = await openClientPort(own);
  try {
    const machine = machineOf(mac);
    const request = bootRequest(machine, newXid(), "firmware", null);
    const offer = await exchange(socket, new Inbox(socket), everybody, request);
    const tftp = { address: offer.siaddr, port: 69 };
    const loader = await readByTftp(openDgram, own, tftp, "ipxe.efi");
    const script = await readByHttp(`http://${offer.siaddr}:8080/boot.ipxe`, own);
    const { siaddr: server, yiaddr: address } = offer;
    return { server, address, loaderBytes: loader.bytes, scriptBytes: script.bytes };
  } finally {
    await socket.close();
  }
}

async function perform([command = "", ...args]: readonly string[]): Promise<object> {
  const [own = "", other = "", server = "", wanted = ""] = args;
  if (command === "choose") return choose(own, other, server, wanted);
  if (command === "boot") return boot(own, other);
  if (command === "begin") {
    transfer = await TftpClient.open(openDgram, own);
    transfer.request({ address: other, port: 69 }, "ipxe.efi", { timeout: 20 });
    const { packet, from } = await transfer.next();
    transfer.send({ opcode: "ack", block: 0 }, from);
    return { began: packet.opcode };
  }
  const rest = await transfer?.finish();
  await transfer?.close();
  return rest instanceof Uint8Array ? { bytes: rest.length } : { ended: rest };
}

tell({ up: true });
for await (const line of createInterface({ input: process.stdin })) {
  tell(await perform(line.split(" ")).catch((error: unknown) => ({ failed: messageOf(error) })));
}
