import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { systemRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { randomNumbers } from "../../support/random.ts";

/*
 * Broadcasts DHCPDISCOVERs, each of another machine, some ten thousand a second. Arguments: the device, its
 * address, how many at least. Tells when it begins; goes on until a line comes in and it has sent so many, then tells how
 * many they were.
 */

const [device = "", address = "", count = ""] = process.argv.slice(2);
const socket = await openDeviceSocket({ device, address, port: 68, passed: [], onlyDevice: true });
const random = randomNumbers(3);
const payload = encodePacket(systemRequest("02:00:00:00:00:00", 0, null));
const enough = new AbortController();
void once(process.stdin, "data").then(() => enough.abort());
console.log(JSON.stringify({ event: "begun" }));
let sent = 0;
// Nobody waits longer, and then the test says what is missing.
const most = Number(count) * 20;
for (; sent < most && (sent < Number(count) || !enough.signal.aborted); sent++) {
  for (let byte = 29; byte < 34; byte++) payload[byte] = random(256);
  payload[4] = random(256);
  socket.send(Uint8Array.from(payload), { address: "255.255.255.255", port: 67 });
  // Longer than a client waits until it asks again: faster ones are lost in the server's kernel with all others.
  if (sent % 200 === 199) await sleep(20);
}
console.log(JSON.stringify({ event: "sent", sent }));
await socket.close();
process.stdin.destroy();
