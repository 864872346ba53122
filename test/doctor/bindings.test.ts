import { createServer } from "node:net";
import { expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { tryBindings } from "../../src/doctor/evidence/bindings.ts";
import { freePort } from "../support/served-tftp.ts";

/** Of loopback, and no other test's: a port that is free here stays free. */
const own = "127.91.7.3";

test("the doctor tries the TLS port of http.tls too, and says that it is taken", async () => {
  const [plain, admin] = [await freePort(), await freePort()];
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, own, resolve));
  const address = taken.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const config = parseConfig(
    `interfaces: [{ name: lo, address: ${own}, dhcp: { mode: off } }]
tftp: { enabled: false }
http: { port: ${plain}, tls: { certFile: a, keyFile: b, port: ${port} } }
admin: { listen: "${own}:${admin}" }`,
    null,
  );
  const found = await tryBindings(config, [{ name: "lo", address: null, ours: own, mode: "off" }]);
  taken.close();
  expect(found.map(({ socket, finding }) => [socket, finding?.code ?? null])).toEqual([
    [`TCP ${own}:${plain}`, null],
    [`TCP ${own}:${port}`, "port-in-use"],
    [`TCP ${own}:${admin}`, null],
  ]);
});
