/**
 * Sends `TEXT` from `ADDRESS`:6868 to `TO`:`PORT` for each `TO=TEXT` argument and tells what it hears
 * until it hears `end`.
 */
import { fromText, toText } from "../../../src/lib/bytes.ts";
import { messageOf } from "../../../src/lib/errors.ts";
import { openDgramShared } from "../../../src/net/dgram.ts";

const [address = "", port = "67", ...messages] = process.argv.slice(2);
const tell = (line: object): void => console.log(JSON.stringify(line));

const own = await openDgramShared({ address, port: 6868 });
const any = await openDgramShared({ address: "0.0.0.0", port: 6868 });
for (const socket of [own, any]) {
  socket.onError((error) => tell({ error: messageOf(error) }));
  socket.onMessage((payload, from) => {
    tell({ text: toText(payload), from });
    if (toText(payload) === "end") void Promise.all([own.close(), any.close()]);
  });
}
for (const message of messages) {
  const [to = "", text = ""] = message.split("=");
  own.send(fromText(text), { address: to, port: Number(port) });
}
