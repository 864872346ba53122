import { setTimeout as sleep } from "node:timers/promises";
import { systemRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { randomNumbers } from "../../support/random.ts";

/*
 * Broadcasts DHCPDISCOVERs, each of another machine, some ten thousand a second. Arguments: the device, its
 * address, how many. Tells when it begins and when it has sent them all.
 */

const [device = "", address = "", count = ""] = process.argv.slice(2);
const socket = await openDeviceSocket({ device, address, port: 68, passed: [], onlyDevice: true });
const random = randomNumbers(3);
const payload = encodePacket(systemRequest("02:00:00:00:00:00", 0, null));
console.log(JSON.stringify({ event: "begun" }));
for (let n = 0; n < Number(count); n++) {
  for (let byte = 29; byte < 34; byte++) payload[byte] = random(256);
  payload[4] = random(256);
  socket.send(Uint8Array.from(payload), { address: "255.255.255.255", port: 67 });
  // Longer than a client waits until it asks again: faster ones are lost in the server's kernel with all others.
  if (n % 200 === 199) await sleep(20);
}
console.log(JSON.stringify({ event: "sent" }));
await socket.close();
