/**
 * The end of an uplink (`uplink.ts`) in the lab's namespace: takes connections at `ADDRESS:PORT:PATH`, its arguments,
 * and passes them on to the socket PATH.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

for (const door of process.argv.slice(2)) {
  const [address = "", port = "", path = ""] = door.split(":");
  const server = createServer((near) => {
    const far = connect(path);
    near.pipe(far).pipe(near);
    near.once("error", () => far.destroy());
    far.once("error", () => near.destroy());
    near.once("close", () => far.destroy());
  });
  server.listen(Number(port), address);
  await once(server, "listening");
}
process.stdout.write("listening\n");
process.on("SIGTERM", () => process.exit(0));
