import { once } from "node:events";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bootRequest, systemRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { encodePacket as encodeDhcp } from "../../../src/dhcp/wire/packet.ts";
import { ip4FromNumber, ip4ToBytes, ip4ToNumber } from "../../../src/lib/ip4.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import { encodePacket as encodeTftp } from "../../../src/tftp/wire/packet.ts";
import { randomNumbers } from "../../support/random.ts";

/*
 * A neighbour who means harm, with forty addresses of its own. Arguments: the attack, the server's address, the first
 * of its own. Says when the attack is at its height, and goes on until it is ended from outside.
 */

const [attack = "", server = "", first = ""] = process.argv.slice(2);
const addresses = Array.from({ length: 40 }, (_, n) => ip4FromNumber(ip4ToNumber(first) + n));
const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const atOnce = 64 * 1024;

/** Connections of each address that send this and read nothing; what is refused is not asked for again. */
async function connections(each: number, text: string): Promise<void> {
  for (const localAddress of addresses) {
    const sockets = Array.from({ length: each }, () => {
      const socket = connect({ host: server, port: 8080, localAddress });
      return socket.on("error", () => {}).pause();
    });
    await Promise.all(
      sockets.map((socket) => Promise.race([once(socket, "connect"), sleep(5000)])),
    );
    for (const socket of sockets) socket.write(text);
  }
}

/** As many requests as are needed to take all places, each from a port of its own, and no answer to anything. */
async function readRequests(each: number): Promise<void> {
  const options = new Map([["blksize", "1468"]]);
  const payload = encodeTftp({ opcode: "rrq", filename: "ipxe.efi", mode: "octet", options });
  for (const address of addresses) {
    for (let n = 0; n < each; n++) {
      const socket = await openDgram({ address, port: 0 });
      socket.onError(() => {});
      socket.send(payload, { address: server, port: 69 });
      // Closed at once it would answer with ICMP, and the server would know; a forged address does not.
    }
    await sleep(20);
  }
}

/** Requests whose answers are read, one after the other on a connection of each address, by `path` and the connection's number. */
async function requests(each: number, path: (n: number) => string): Promise<void> {
  const sockets = addresses.map((localAddress, index) => {
    const socket = connect({ host: server, port: 8080, localAddress }).on("error", () => {});
    const text = Array.from({ length: each }, (_, n) => get(path(index * each + n))).join("");
    socket.resume().write(text);
    return socket;
  });
  await Promise.race([Promise.all(sockets.map((socket) => once(socket, "data"))), sleep(20_000)]);
}

/** What no network card has. */
const wrongAddresses = ["ffffffffffff", "01005e000001", "000000000000"];

/** DISCOVERs of ever new machines and of hardware addresses that no machine has: some ten thousand a second, for ever. */
async function discovers(): Promise<void> {
  const device = "eth0";
  const socket = await openDeviceSocket({
    device,
    address: first,
    port: 68,
    passed: [],
    onlyDevice: true,
  });
  const random = randomNumbers(5);
  const machine = bootRequest(
    { mac: "02:00:00:00:00:00", uuid: "5d6c7b1e-0000-4000-8000-000000000009", firmware: "uefi" },
    1,
    "firmware",
    null,
  );
  const payload = encodeDhcp(machine);
  const send = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n++) {
      const copy = Uint8Array.from(payload);
      for (let byte = 29; byte < 34; byte++) copy[byte] = random(256);
      copy[4] = random(256);
      const wrong = wrongAddresses[n % 10];
      if (wrong !== undefined) copy.set(Buffer.from(wrong, "hex"), 28);
      // hlen
      if (n % 10 === 9) copy[2] = 17;
      socket.send(copy, { address: "255.255.255.255", port: 67 });
      if (n % 200 === 199) await sleep(20);
    }
  };
  await send(10_000);
  void send(1_000_000);
}

/** DECLINEs of every address of a pool, by machines that nobody knows. */
async function declines(): Promise<void> {
  const device = "eth0";
  const socket = await openDeviceSocket({
    device,
    address: first,
    port: 68,
    passed: [],
    onlyDevice: true,
  });
  const pool = ip4ToNumber("10.8.1.0");
  for (let n = 0; n < 2000; n++) {
    const mac = `02:00:00:00:${hex(n >> 8)}:${hex(n)}`;
    const request = systemRequest(mac, n, null);
    const wanted = ip4ToBytes(ip4FromNumber(pool + (n % 100)));
    const options = new Map(request.options)
      .set(53, Uint8Array.of(MessageType.DECLINE))
      .set(50, wanted)
      .set(54, ip4ToBytes(server));
    socket.send(encodeDhcp({ ...request, options }), { address: "255.255.255.255", port: 67 });
    if (n % 50 === 49) await sleep(10);
  }
}

const routes = [
  "/boot.ipxe",
  "/artifacts/initramfs-x86_64",
  "/ipxe.efi",
  "/autoexec.ipxe",
  "/events?stage=booting",
  "/no-such-file",
];
const stages = ["failed", "micro-os", "booting", "kernel"];
const hex = (n: number) => (n & 255).toString(16).padStart(2, "0");

const attacks: Readonly<Record<string, () => Promise<void>>> = {
  pipelined: () => connections(2, get("/artifacts/vmlinuz-x86_64").repeat(atOnce / 50)),
  idle: () => connections(25, ""),
  "half a header": () => connections(25, "GET / HTTP/1.1\r\nX: "),
  "pipelined on every route": () => connections(2, routes.map(get).join("").repeat(100)),
  reports: () => requests(200, (n) => `/events?mac=52:54:00:00:00:0a&stage=${stages[n % 4] ?? ""}`),
  scripts: () => requests(40, (n) => `/boot.ipxe?mac=02:00:00:00:${hex(n >> 8)}:${hex(n)}`),
  discovers,
  unread: () => connections(12, get("/artifacts/initramfs-x86_64")),
  "read requests": () => readRequests(75),
  declines,
};

await attacks[attack]?.();
console.log(JSON.stringify({ event: "at its height" }));
await sleep(600_000);
