/*
 * A relay agent that lets no offer through which says "load the file of this offer" (43.6 with bit 3):
 * to the firmware behind it the server is one whose first answer leads nowhere. It stands in for
 * firmware that passes over such offers.
 *
 * Arguments: the device and address towards the machines, those towards the servers, and the servers.
 */
import { decodePacket } from "../../../src/dhcp/wire/packet.ts";
import { readPxeVendorOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { concat } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";

const [nearDevice = "", nearAddress = "", farDevice = "", farAddress = "", ...servers] =
  process.argv.slice(2);
const open = (device: string, address: string) =>
  openDeviceSocket({ device, address, port: 67, passed: [], onlyDevice: false });
const near = await open(nearDevice, nearAddress);
const far = await open(farDevice, farAddress);

// RFC 1542 4.1: `hops` is at 3, `giaddr` at 24.
near.onMessage((bytes) => {
  if (bytes[0] !== 1) return;
  const hops = Uint8Array.of((bytes[3] ?? 0) + 1);
  const before = concat([bytes.subarray(0, 3), hops, bytes.subarray(4, 24)]);
  const relayed = concat([before, ip4ToBytes(nearAddress), bytes.subarray(28)]);
  for (const address of servers) far.send(relayed, { address, port: 67 });
});

far.onMessage((bytes) => {
  if (bytes[0] !== 2 || justLoad(bytes)) return;
  near.send(bytes, { address: "255.255.255.255", port: 68 });
});

function justLoad(bytes: Uint8Array): boolean {
  const value = decodePacket(bytes).options.get(43);
  if (value === undefined) return false;
  return ((readPxeVendorOptions(value).discoveryControl ?? 0) & 8) !== 0;
}

console.log("relay started");
