/** Broadcasts each line of hex on its standard input from port 68, and tells what it hears there. */
import { createInterface } from "node:readline";
import { fromHex, toHex } from "../../../src/lib/bytes.ts";
import { messageOf } from "../../../src/lib/errors.ts";
import { openDgramShared } from "../../../src/net/dgram.ts";

const tell = (line: object): void => console.log(JSON.stringify(line));
const socket = await openDgramShared({ address: "0.0.0.0", port: 68 });
socket.onError((error) => tell({ error: messageOf(error) }));
socket.onMessage((payload, from) => {
  tell({ hex: toHex(payload), from: `${from.address}:${from.port}` });
});
createInterface({ input: process.stdin }).on("line", (line) => {
  socket.send(fromHex(line) ?? new Uint8Array(), { address: "255.255.255.255", port: 67 });
});
tell({ ready: true });
