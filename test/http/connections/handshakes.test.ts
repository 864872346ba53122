import { Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Admission } from "../../../src/http/connections/admission.ts";
import { Handshakes } from "../../../src/http/connections/handshakes.ts";
import { certify } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";

const admission = new Admission({ connections: 8, perClient: 8 });
let failed: string[];
let handshakes: Handshakes;

beforeEach(async () => {
  failed = [];
  handshakes = new Handshakes({
    source: { current: await certify("boot", null), subscribe: () => () => {} },
    admission,
    timeoutMs: 600_000,
    done: () => {},
    failed: (address) => failed.push(address),
  });
});
afterEach(() => handshakes.close());

/** A connection of which the system tells that end, or none, as where its client is gone already. */
function connectionFrom(end: { readonly address: string; readonly port: number } | null): Socket {
  const socket = new Socket();
  Object.defineProperty(socket, "remoteAddress", { value: end?.address });
  Object.defineProperty(socket, "remotePort", { value: end?.port });
  return socket.on("error", () => {});
}

test.each([
  ["of clients that were gone before", null, ""],
  ["of a client that took the same port again", { address: "10.0.0.7", port: 4711 }, "10.0.0.7"],
])("the places %s are all given back", async (_, end, address) => {
  const [first, second] = [connectionFrom(end), connectionFrom(end)];
  handshakes.add(first);
  handshakes.add(second);
  expect(admission.open).toBe(2);
  first.destroy();
  await eventually(() => expect(admission.open).toBe(1));
  // The second goes on.
  expect([second.destroyed, failed]).toEqual([false, []]);
  second.destroy();
  await eventually(() => expect(admission.open).toBe(0));
  expect(failed).toEqual([address]);
});
