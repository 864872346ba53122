import { createServer } from "node:net";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { tryBindings } from "../../src/doctor/evidence/bindings.ts";
import { freePort } from "../support/served-tftp.ts";

test("the doctor tries the TLS port of http.tls too, and says that it is taken", async () => {
  const [plain, admin] = [await freePort(), await freePort()];
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const config = parseConfig(
    `interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: off } }]
tftp: { enabled: false }
http: { port: ${plain}, tls: { certFile: a, keyFile: b, port: ${port} } }
admin: { listen: "127.0.0.1:${admin}" }`,
    null,
  );
  const found = await tryBindings(config, [
    { name: "lo", address: null, ours: "127.0.0.1", mode: "off" },
  ]);
  taken.close();
  expect(found.map(({ socket, finding }) => [socket, finding?.code ?? null])).toEqual([
    [`TCP 127.0.0.1:${plain}`, null],
    [`TCP 127.0.0.1:${port}`, "port-in-use"],
    [`TCP 127.0.0.1:${admin}`, null],
  ]);
});
