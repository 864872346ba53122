/**
 * Opens a device socket for each `DEVICE=ADDRESS` argument, tells what it hears, and answers each
 * datagram by broadcast on the device where it came in. A line on standard input is broadcast on all.
 */
import { createInterface } from "node:readline";
import { fromText, toText } from "../../../src/lib/bytes.ts";
import { messageOf } from "../../../src/lib/errors.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import { loadLibc } from "../../../src/net/libc.ts";
import { dgramSockets } from "../../../src/net/dgram.ts";
import { serverUdp } from "../../support/transfer-socket.ts";

const [port = "67", libc = "koffi", ...links] = process.argv.slice(2);
const tell = (line: object): void => console.log(JSON.stringify(line));
const everyone = "255.255.255.255";
const udp = libc === "koffi" ? serverUdp : dgramSockets;

const sockets = await Promise.all(
  links.map(async (link) => {
    const [device = "", address = ""] = link.split("=");
    const socket = await openDeviceSocket(
      { device, address, port: Number(port), passed: [], onlyDevice: links.length === 1, udp },
      libc === "koffi" ? loadLibc : () => Promise.resolve(null),
    );
    socket.onMessage((payload, from) => {
      tell({ device, text: toText(payload), from });
      socket.send(fromText(`${toText(payload)} by ${device}`), { ...from, address: everyone });
    });
    socket.onError((error) => tell({ device, error: messageOf(error) }));
    return socket;
  }),
).catch((error: unknown) => {
  tell({ error: messageOf(error) });
  process.exit(1);
});

createInterface({ input: process.stdin }).on("line", (line) => {
  for (const socket of sockets) socket.send(fromText(line), { address: everyone, port: 6868 });
});
tell({ ready: sockets.map((socket) => socket.means) });
