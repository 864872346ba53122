import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { fromText } from "../../src/lib/bytes.ts";
import { readPcap } from "../support/pcap.ts";
import { mutated, randomNumbers } from "../support/random.ts";

/*
 * Sends what firmware, loaders, scripts and systems have really sent, mutated, repeated and out of order, to every port of a
 * server, as fast as its own core lets it but bounded. Arguments: the server's address, for how many seconds, and
 * the addresses to send from.
 */

const [target = "", seconds = "", ...addresses] = process.argv.slice(2);
const perRound = 40;
const roundMs = 10;
/** Connections by TCP in each round, of which none is held for longer. */
const mostConnections = 200;
const heldMs = 2000;

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const toServer = (port: number) => (one: { readonly destination: { readonly port: number } }) =>
  one.destination.port === port;
const dhcp = readPcap(fixture("firmware.pcap")).filter(toServer(67));
const tftp = readPcap(fixture("tftp-firmware.pcap")).filter(
  // Whatever a client sends: requests to port 69, and acknowledgements to the transfer's port.
  ({ payload }) => [1, 2, 4, 5].includes(payload[1] ?? 0),
);
const lines = z
  .array(z.object({ line: z.string() }))
  .parse(JSON.parse(String(fixture("syslog.json"))));
const requests = [
  "GET /boot.ipxe HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /52-54-00-00-00-0a/boot.ipxe?uuid=&serial=ABC%20123 HTTP/1.1\r\nHost: x\r\nUser-Agent: iPXE/1.21.1\r\n\r\n",
  "HEAD /artifacts/vmlinuz-x86_64 HTTP/1.1\r\nHost: x\r\n\r\n",
  "GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: x\r\nRange: bytes=0-4095\r\n\r\n",
  'GET /loaders/ipxe.efi HTTP/1.1\r\nHost: x\r\nIf-None-Match: "1"\r\n\r\n',
  "GET /events?stage=failed&mac=52-54-00-00-00-0a&errno=040ee119&message=try-1 HTTP/1.1\r\nHost: x\r\n\r\n",
  "POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\nstage=kernel&x=1",
  "GET /autoexec.ipxe HTTP/1.1\r\nHost: x\r\n\r\nGET /boot.ipxe HTTP/1.1\r\nHost: x\r\n\r\n",
].map((text) => fromText(text));

const random = randomNumbers(20_260_306);
const oneOf = <T>(list: readonly T[]): T | undefined => list[random(list.length)];
/** Three of four are changed; the rest is valid, and comes when nothing of the kind is expected. */
const fired = (payload: Uint8Array): Uint8Array => {
  const sent = random(4) === 0 ? payload : mutated(payload, random);
  return namesLabMachine(sent) ? payload : sent;
};
/**
 * The machine of `under-fire` has a hardware address that is one bit off those that are played (52:54:00:77:00:11). What is sent in its name is
 * told of it, as it should be, and would be a complaint about its boot.
 */
function namesLabMachine(payload: Uint8Array): boolean {
  return Buffer.from(payload).includes(Buffer.from("525400770001", "hex"));
}

const sockets: UdpSocket[] = [];
for (const address of addresses) {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  socket.bind({ address, port: 0 });
  await once(socket, "listening");
  socket.setBroadcast(true);
  sockets.push(socket);
}

let datagrams = 0;
let connections = 0;
let open = 0;

function sendDatagram(): void {
  const socket = oneOf(sockets);
  const kind = random(10);
  const [payload, port] =
    kind < 6
      ? [oneOf(dhcp)?.payload, kind === 5 ? 4011 : 67]
      : kind < 9
        ? [oneOf(tftp)?.payload, 69]
        : [fromText(oneOf(lines)?.line ?? ""), 514];
  if (payload === undefined) return;
  const to = port === 67 && random(2) === 0 ? "255.255.255.255" : target;
  socket?.send(fired(payload), port, to, () => {});
  datagrams += 1;
}

function sendRequest(): void {
  const request = oneOf(requests);
  const localAddress = oneOf(addresses);
  if (open >= mostConnections || request === undefined || localAddress === undefined) return;
  open += 1;
  connections += 1;
  const socket = connect({ host: target, port: 8080, localAddress });
  const over = setTimeout(() => socket.destroy(), random(heldMs));
  socket.on("error", () => {});
  socket.on("close", () => {
    clearTimeout(over);
    open -= 1;
  });
  // One in four reads nothing.
  if (random(4) > 0) socket.resume();
  socket.write(fired(request));
}

console.log(JSON.stringify({ event: "firing" }));
const untilMs = performance.now() + Number(seconds) * 1000;
while (performance.now() < untilMs) {
  for (let n = 0; n < perRound; n++) sendDatagram();
  for (let n = 0; n < 2; n++) sendRequest();
  await sleep(roundMs);
}
await sleep(heldMs);
for (const socket of sockets) socket.close();
console.log(JSON.stringify({ event: "fired", datagrams, connections }));
