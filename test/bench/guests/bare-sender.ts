import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/*
 * No TFTP server: whatever comes to a transfer's port is answered with the next block of the file. Nothing is decoded,
 * judged, timed or repeated. So this is what Node itself takes for a block, and nobody's server can be faster in it.
 * Prints its port; ends with SIGTERM.
 */

const [folder = "."] = process.argv.slice(2);
const DATA = 3;

const listening = createSocket("udp4");
listening.on("message", (request, from) => {
  const text = request.toString("latin1");
  const file = readFileSync(join(folder, text.slice(2, text.indexOf("\0", 2))));
  const blksize = Number(/blksize\0(\d+)\0/i.exec(text)?.[1] ?? "512");
  const socket = createSocket("udp4");
  const frame = Buffer.alloc(4 + blksize);
  frame[1] = DATA;
  let at = 0;
  let block = 0;
  socket.on("message", () => {
    if (at > file.length) return socket.close();
    block += 1;
    frame.writeUInt16BE(block & 0xffff, 2);
    const end = Math.min(at + blksize, file.length);
    file.copy(frame, 4, at, end);
    socket.send(end - at === blksize ? frame : frame.subarray(0, 4 + end - at));
    at += blksize;
  });
  socket.bind(0, "127.0.0.1", () => {
    socket.connect(from.port, from.address, () => {
      socket.send(Buffer.from(`\0\x06blksize\0${blksize}\0`, "latin1"));
    });
  });
});
listening.bind(0, "127.0.0.1", () => {
  process.stdout.write(`${listening.address().port}\n`);
});
