import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootPort, orchestratorScript } from "../../../support/boot-port.ts";
import { plain, type RawAnswer, RawHttp, usual } from "../../../support/raw-http.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "52:54:00:12:34:56";
let port: BootPort;
const sockets: Socket[] = [];

beforeEach(async () => {
  port = new BootPort();
  port.addGeneration("g1", { "boot.ipxe": orchestratorScript });
  await port.open();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await port.close();
});

/** A connection on which one request is answered after the other. */
async function connected(): Promise<RawHttp> {
  const socket = port.connect();
  sockets.push(socket);
  return RawHttp.over(socket);
}

describe("a script that is answered quickly", () => {
  test.each(["/boot.ipxe", `/${mac}/boot.ipxe`, "/52-54-00-12-34-56/boot.ipxe"])(
    "is for %s what the usual way answers, and reports the same",
    async (path) => {
      port.sessions.learnAddress("52:54:00:00:00:07", "127.0.0.1");
      const raw = await connected();
      const slow = await raw.ask(usual(path));
      const quick = await raw.ask(plain(path));
      expect(quick.status).toBe("HTTP/1.1 200 OK");
      expect(quick.body).toBe(slow.body);
      for (const name of ["content-type", "content-length", "cache-control", "connection"]) {
        expect([name, quick.headers.get(name)]).toEqual([name, slow.headers.get(name)]);
      }
      expect(Date.parse(quick.headers.get("date") ?? "")).not.toBeNaN();
      const [first, second] = port.named("script");
      expect(second).toEqual(first);
      // Node's own header has a time for the connection besides.
      expect([quick.headers.has("keep-alive"), slow.headers.has("keep-alive")]).toEqual([
        false,
        true,
      ]);
    },
  );

  test("has the kernel arguments of its node, and letters of any alphabet", async () => {
    port.nodes = () => nodeEntry({ kernelArgs: ["site=Köln"] });
    const raw = await connected();
    const slow = await raw.ask(usual(`/${mac}/boot.ipxe`));
    const quick = await raw.ask(plain(`/${mac}/boot.ipxe`));
    expect(quick.body).toBe(slow.body);
    expect(Buffer.from(quick.body, "latin1").toString()).toContain("site=Köln");
  });

  test("is the new generation's as soon as there is one", async () => {
    const raw = await connected();
    await raw.ask(usual("/boot.ipxe"));
    port.addGeneration("g2", {
      "boot.ipxe": orchestratorScript.replace("console", "quiet console"),
    });
    expect((await raw.ask(plain("/boot.ipxe"))).body).toContain("quiet console");
    expect(port.named("script").at(-1)).toMatchObject({ generation: "g2" });
  });

  test("comes in time with the clock", async () => {
    const raw = await connected();
    await raw.ask(usual("/boot.ipxe"));
    const before = await raw.ask(plain("/boot.ipxe"));
    port.nowMs += 61_000;
    const after = await raw.ask(plain("/boot.ipxe"));
    const seconds = ({ body }: RawAnswer) => Number(/s_eim_script=(0x[0-9a-f]+)/.exec(body)?.[1]);
    expect(seconds(after) - seconds(before)).toBe(61);
    const date = ({ headers }: RawAnswer) => Date.parse(headers.get("date") ?? "");
    expect(date(after) - date(before)).toBe(61_000);
  });

  test("is refused as usual where policy forbids it", async () => {
    const raw = await connected();
    await raw.ask(usual("/boot.ipxe"));
    port.nodes = () => nodeEntry({ netboot: "deny" });
    expect((await raw.ask(plain(`/${mac}/boot.ipxe`))).status).toContain("403");
    expect(port.named("http-refused")).toMatchObject([{ status: 403, mac }]);
  });

  test("in pieces, pipelined, or behind another request, is answered in order", async () => {
    const raw = await connected();
    const { socket } = raw;
    const { body } = await raw.ask(usual("/boot.ipxe"));
    socket.write("GE");
    await new Promise((resolve) => setImmediate(resolve));
    expect((await raw.ask("T /boot.ipxe HTTP/1.1\r\nHost: a\r\n\r\n")).body).toBe(body);
    expect((await raw.ask(plain("/boot.ipxe"))).body).toBe(body);
    const three = plain("/boot.ipxe") + plain("/nothing") + plain("/boot.ipxe");
    expect((await raw.ask(three)).body).toBe(body);
    expect((await raw.ask("")).status).toContain("404");
    expect((await raw.ask("")).body).toBe(body);
  });

  test("ends with the connection when the port closes", async () => {
    const raw = await connected();
    const { socket } = raw;
    await raw.ask(usual("/boot.ipxe"));
    await raw.ask(plain("/boot.ipxe"));
    const closed = once(socket, "close");
    await Promise.all([port.close(), closed]);
    expect(port.connections.admission.open).toBe(0);
    port = new BootPort();
  });
});

describe("a script that is asked for by a trusted proxy", () => {
  let raw: RawHttp;

  /** The port behind the proxies of `network`. */
  async function behind(network: string): Promise<void> {
    await port.close();
    port = new BootPort({ trustedProxies: [{ network, prefixLength: 8 }] });
    port.addGeneration("g1", { "boot.ipxe": orchestratorScript });
    await port.open();
    raw = await connected();
  }

  test("is of no known address where the proxy does not tell the machine's", async () => {
    await behind("127.0.0.0");
    const unknown = await raw.ask(usual("/boot.ipxe"));
    port.nodes = (machine) => nodeEntry({ kernelArgs: machine.mac === mac ? ["of=one"] : [] });
    const own = await raw.ask(plain("/52-54-00-12-34-56/boot.ipxe"));
    expect(own.body).toContain("of=one");
    expect(port.named("script").at(-1)).toMatchObject({ mac, address: null });
    expect(port.sessions.machineAt("127.0.0.1")).toBeNull();
    // Another machine, by the same proxy.
    expect((await raw.ask(plain("/boot.ipxe"))).body).toBe(unknown.body);
    expect(port.named("script").at(-1)).toMatchObject({ mac: null, address: null });
  });

  test("is quick all the same for a machine that asks directly", async () => {
    await behind("10.0.0.0");
    await raw.ask(usual("/boot.ipxe"));
    const answer = await raw.ask(plain(`/${mac}/boot.ipxe`));
    expect(answer.headers.has("keep-alive")).toBe(false);
    expect(port.named("script").at(-1)).toMatchObject({ mac, address: "127.0.0.1" });
  });
});
