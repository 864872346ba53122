import { setTimeout as sleep } from "node:timers/promises";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { readU32 } from "../../../src/lib/bytes.ts";
import { loadBatchedSockets } from "../../../src/net/batches/batched-sockets.ts";
import { dgramSockets } from "../../../src/net/dgram.ts";
import { bootRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";

/*
 * The machines of `proxy-offers.ts`, on a host whose device has no address yet: DHCPDISCOVERs of UEFI firmware, broadcast, of one
 * machine after the other.
 *   proxy-asking.ts under-way COUNT SECONDS MACHINES   so many wait for an answer at any time
 *   proxy-asking.ts rate COUNT SECONDS MACHINES        so many a second
 * Prints a line of JSON. A request that is not answered within a second counts as lost.
 */

const [how = "", ...numbers] = process.argv.slice(2);
const [count = 1, seconds = 1, machines = 1] = numbers.map(Number);
const lossMs = 1000;

const sockets = (await loadBatchedSockets()) ?? dgramSockets;
const socket = await sockets.openShared({ address: "0.0.0.0", port: 68 });
const template = encodePacket(
  bootRequest(
    {
      mac: "02:00:00:00:00:00",
      uuid: "11223344-5566-7788-99aa-bbccddeeff00",
      firmware: "uefi",
    },
    0,
    "firmware",
    null,
  ),
);
const view = new DataView(template.buffer, template.byteOffset, template.length);
const sentAtMs = new Map<number, number>();
const latenciesMs: number[] = [];
let xid = 0;
let isOpen = true;

function ask(): void {
  xid += 1;
  view.setUint32(4, xid);
  // The last four bytes of the hardware address.
  view.setUint32(30, xid % machines);
  sentAtMs.set(xid, performance.now());
  socket.send(template.slice(), { address: "255.255.255.255", port: 67 });
}

socket.onMessage((payload) => {
  const answered = readU32(payload, 4);
  const fromMs = sentAtMs.get(answered);
  if (fromMs === undefined) return;
  sentAtMs.delete(answered);
  latenciesMs.push(performance.now() - fromMs);
  if (how === "under-way" && isOpen) ask();
});

const startMs = performance.now();
if (how === "under-way") {
  for (let n = 0; n < count; n++) ask();
  await sleep(seconds * 1000);
} else {
  for (let sent = 0; sent < count * seconds;) {
    const dueMs = performance.now() - startMs;
    const due = Math.min(count * seconds, Math.floor((dueMs / 1000) * count));
    for (; sent < due; sent++) ask();
    await sleep(1);
  }
}
isOpen = false;
const elapsedMs = performance.now() - startMs;
await sleep(lossMs);
latenciesMs.sort((a, b) => a - b);
const at = (share: number) => latenciesMs[Math.floor(latenciesMs.length * share)] ?? null;
const answered = latenciesMs.length;
const result = { answered, lost: sentAtMs.size, elapsedMs, p50: at(0.5), p99: at(0.99) };
process.stdout.write(`${JSON.stringify(result)}\n`);
await socket.close();
