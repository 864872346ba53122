import { readFileSync } from "node:fs";
import { ip4FromNumber, ip4ToNumber } from "../../../src/lib/ip4.ts";
import { openDgram } from "../../../src/net/dgram.ts";
import type { UdpEndpoint, UdpSocket } from "../../../src/net/udp.ts";
import { decodePacket, encodePacket } from "../../../src/tftp/wire/packet.ts";

/*
 * Many TFTP clients at once in a process of their own, which is told in arguments: the server's address and port,
 * the name to ask for, the file to compare with, how many, and the options to ask for.
 * They ask again after a second of silence, as firmware does, and give up after 20 s without progress. Where more is
 * told: the first of the clients' addresses, how many these are, and after how many seconds they give up.
 * Prints one line of JSON: what became of them.
 */

const [address = "", port = "0", remote = "", path = "", count = "1", asked = "", ...more] =
  process.argv.slice(2);
// Addresses of their own, as machines have.
const [first = "127.1.0.1", hosts = "10000", patienceSeconds = "20"] = more;
const server: UdpEndpoint = { address, port: Number(port) };
const file = readFileSync(path);
const options = new Map(
  asked.split(",").map((one): [string, string] => {
    const [name = "", value = ""] = one.split("=");
    return [name, value];
  }),
);
const request = encodePacket({ opcode: "rrq", filename: remote, mode: "octet", options });
const repeatMs = 1000;
const giveUpMs = Number(patienceSeconds) * 1000;

interface End {
  readonly ms: number;
  readonly failure: string | null;
  readonly repeats: number;
}

function download(socket: UdpSocket): Promise<End> {
  const startMs = performance.now();
  let [blksize, windowsize] = [512, 1];
  let peer: UdpEndpoint | null = null;
  let block = 0;
  let inWindow = 0;
  let repeats = 0;
  let heardMs = startMs;
  let progressMs = startMs;
  const ack = new Uint8Array([0, 4, 0, 0]);
  return new Promise((resolve) => {
    const end = (failure: string | null): void => {
      clearInterval(timer);
      resolve({ ms: performance.now() - startMs, failure, repeats });
    };
    const acknowledge = (): void => {
      inWindow = 0;
      ack[2] = (block >>> 8) & 0xff;
      ack[3] = block & 0xff;
      if (peer !== null) socket.send(ack.slice(), peer);
    };
    const timer = setInterval(() => {
      const nowMs = performance.now();
      const at = peer === null ? "the first answer" : `block ${block === 0 ? "1" : "n"}`;
      if (nowMs - progressMs > giveUpMs)
        return end(`no progress for ${patienceSeconds} s, waiting for ${at}`);
      if (nowMs - heardMs < repeatMs) return;
      repeats += 1;
      heardMs = nowMs;
      if (peer === null) socket.send(request, server);
      else acknowledge();
    }, repeatMs / 2);
    socket.onMessage((payload, from) => {
      const packet = decodePacket(payload);
      heardMs = performance.now();
      peer ??= from;
      if (packet.opcode === "error") return end(`ERROR ${packet.code} ${packet.message}`);
      if (packet.opcode === "oack") {
        blksize = Number(packet.options.get("blksize") ?? 512);
        windowsize = Number(packet.options.get("windowsize") ?? 1);
        return acknowledge();
      }
      if (packet.opcode !== "data" || packet.block !== ((block + 1) & 0xffff)) return;
      const at = block * blksize;
      if (Buffer.compare(packet.data, file.subarray(at, at + packet.data.length)) !== 0) {
        return end("a wrong block");
      }
      block += 1;
      progressMs = heardMs;
      inWindow += 1;
      const last = packet.data.length < blksize;
      if (last || inWindow === windowsize) acknowledge();
      if (last) end(at + packet.data.length === file.length ? null : "a wrong length");
    });
    socket.send(request, server);
  });
}

const sockets: UdpSocket[] = [];
for (let i = 0; i < Number(count); i++) {
  const own = ip4FromNumber(ip4ToNumber(first) + (i % Number(hosts)));
  sockets.push(await openDgram({ address: own, port: 0 }));
}
const startMs = performance.now();
const ends = await Promise.all(sockets.map(download));
const elapsedMs = performance.now() - startMs;
const failures: Record<string, number> = {};
for (const { failure } of ends) {
  if (failure !== null) failures[failure] = (failures[failure] ?? 0) + 1;
}
const repeats = ends.reduce((sum, end) => sum + end.repeats, 0);
const times = ends.map(({ ms }) => ms).toSorted((a, b) => a - b);
const result = {
  elapsedMs,
  /** By cause. */
  failures,
  repeats,
  firstMs: times[0],
  medianMs: times[Math.floor(times.length / 2)],
};
process.stdout.write(`${JSON.stringify(result)}\n`);
await Promise.all(sockets.map((socket) => socket.close()));
