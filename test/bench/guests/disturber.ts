import { connect, type Socket } from "node:net";
import { setInterval } from "node:timers";

/*
 * Clients that nobody wishes for, in a process of their own, until it is ended: one that takes 1 kB/s, one that takes
 * nothing, 1,000 idle connections of 100 hosts, and one host that keeps 2,000 open. It is told the server's
 * address and port, and the first address of its own (of 103). Prints a line of JSON once all have begun.
 */

const [host = "", portText = "", first = ""] = process.argv.slice(2);
const port = Number(portText);
const request = `GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
const bytesPerSecond = 1000;

function own(index: number): string {
  const [a = "", b = "", c = "", d = ""] = first.split(".");
  return [a, b, c, String(Number(d) + index)].join(".");
}

function open(index: number): Socket {
  const socket = connect({ host, port, localAddress: own(index) });
  // The server may close what it does not want: that is what is tried.
  socket.on("error", () => {});
  return socket;
}

const slow = open(0);
slow.pause();
slow.write(request);
setInterval(() => {
  slow.read(bytesPerSecond);
}, 1000);

const stalled = open(1);
stalled.pause();
stalled.write(request);

for (let index = 0; index < 1000; index += 1) open(3 + (index % 100));

const most = 2000;
let [opened, present] = [0, 0];
setInterval(() => {
  // At first a thousand a second; what the server closes comes again a hundred times a second.
  const atOnce = opened < most ? 100 : 10;
  for (let count = 0; count < atOnce && present < most; count += 1) {
    opened += 1;
    present += 1;
    open(2).once("close", () => (present -= 1));
  }
}, 100);

setTimeout(() => console.log(JSON.stringify({ event: "disturbing" })), 3000);
