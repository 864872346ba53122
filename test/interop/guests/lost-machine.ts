import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { bootRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { broadcast, newXid } from "../../../src/pxe-client/wire/dhcp-wire.ts";

/* A machine whose firmware asks every second and takes no offer. Arguments: device, address of the host. */

const [device = "", address = ""] = process.argv.slice(2);
const mac = "02:00:00:00:00:99";
const machine = { mac, uuid: "00000000-0000-0000-0000-000000000099", firmware: "uefi" } as const;
const socket = await openDeviceSocket({
  device,
  address,
  port: 68,
  passed: [],
  onlyDevice: true,
  share: true,
});
const end = Date.now() + 60_000;
const timer = setInterval(() => {
  broadcast(socket, bootRequest(machine, newXid(), "firmware", null));
  if (Date.now() > end) clearInterval(timer);
}, 1000);
