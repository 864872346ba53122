import type { Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { Admission, type Place } from "../../../src/http/connections/admission.ts";
import { BootPort } from "../../support/boot-port.ts";
import { received } from "../../support/connections.ts";
import { eventually } from "../../support/eventually.ts";

interface TestPlace extends Place {
  readonly name: string;
}

const limits = { connections: 6, perClient: 4 };

/** A full house, by the names of its connections; `closed` are those that had to go. */
function house(names: readonly string[]) {
  const admission = new Admission(limits);
  const closed: string[] = [];
  const places = names.map((name): TestPlace => {
    const place = { name, address: name[0] ?? "", destroy: () => closed.push(name) };
    admission.add(place);
    return place;
  });
  return { admission, places, closed };
}

describe("admission", () => {
  test("has room for as many as there are places, and counts them", () => {
    const { admission, places, closed } = house(["a1", "a2", "b1"]);
    for (const place of places) admission.busy(place);
    expect(admission.shortageFor("a")).toBeNull();
    expect([admission.open, admission.idle, closed]).toEqual([3, 0, []]);
    for (const place of places) admission.idleNow(place);
    for (const place of places) admission.remove(place);
    for (const place of places) admission.idleNow(place);
    expect([admission.open, admission.idle]).toEqual([0, 0]);
  });

  test("refuses a client more than its share, others not", () => {
    const { admission, places, closed } = house(["a1", "a2", "a3", "a4"]);
    for (const place of places) admission.busy(place);
    expect(admission.shortageFor("a")).toBe("client");
    expect(admission.shortageFor("b")).toBeNull();
    expect(closed).toEqual([]);
  });

  test("closes a client's own idle connection before it refuses it one", () => {
    const { admission, places, closed } = house(["b1", "a1", "a2", "a3", "a4"]);
    for (const place of places.slice(0, 3)) admission.busy(place);
    expect(admission.shortageFor("a")).toBeNull();
    expect([closed, admission.open]).toEqual([["a3"], 4]);
  });

  test("closes the connection that has been idle longest when all places are taken", () => {
    const { admission, places, closed } = house(["a1", "a2", "a3", "b1", "b2", "c1"]);
    for (const place of places) admission.busy(place);
    for (const place of [places[4], places[1]]) if (place !== undefined) admission.idleNow(place);
    expect(admission.shortageFor("d")).toBeNull();
    expect([closed, admission.open]).toEqual([["b2"], 5]);
  });

  test("lets the client with the most connections give its newest to one that has fewer", () => {
    const { admission, places, closed } = house(["a1", "b1", "a2", "a3", "b2", "c1"]);
    for (const place of places) admission.busy(place);
    expect(admission.shortageFor("d")).toBeNull();
    expect(closed).toEqual(["a3"]);
  });

  test("refuses where nobody has more than the newcomer would", () => {
    const { admission, places, closed } = house(["a1", "b1", "c1", "d1", "e1", "f1"]);
    for (const place of places) admission.busy(place);
    expect(admission.shortageFor("a")).toBe("all");
    expect(admission.shortageFor("g")).toBe("all");
    expect(closed).toEqual([]);
  });
});

describe("field fault 41: one client's many connections", () => {
  const hog = "127.0.0.9";
  let port: BootPort;
  let sockets: Socket[] = [];

  async function open(count: number, from: string, text: string): Promise<void> {
    const more = Array.from({ length: count }, () => port.connect(from).on("error", () => {}));
    for (const socket of more) socket.pause().write(text);
    sockets.push(...more);
    await eventually(() => expect(more.every(({ connecting }) => !connecting)).toBe(true));
  }

  async function start(connections: number, perClient: number): Promise<void> {
    port = new BootPort({}, { connections, perClient });
    port.addGeneration("g1", { "initramfs-x86_64": new Uint8Array(16 * 1024 * 1024) });
    await port.open();
  }

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await port.close();
  });

  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  const slow = get("/artifacts/initramfs-x86_64");

  test("that are idle cost others nothing", async () => {
    await start(20, 20);
    await open(40, hog, "");
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        const socket = port.connect(`127.0.0.${index + 20}`);
        socket.write(get("/autoexec.ipxe"));
        return received(socket);
      }),
    );
    expect(replies.every((reply) => reply.startsWith("HTTP/1.1 200 "))).toBe(true);
    expect(port.refused).toEqual([]);
  });

  test("that read slowly leave room for others, and one too many is told to come again", async () => {
    await start(20, 8);
    await open(8, hog, slow);
    await eventually(() => expect(port.named("initramfs-start")).toHaveLength(8));
    const ninth = port.connect(hog);
    ninth.write(get("/autoexec.ipxe"));
    expect(await received(ninth)).toBe(
      "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    );
    expect(port.refused).toEqual([[hog, "client"]]);
    expect((await fetch(`${port.url}/autoexec.ipxe`)).status).toBe(200);
  });

  test("from several addresses do not keep a machine from its first one", async () => {
    await start(20, 8);
    for (const from of [hog, "127.0.0.10", "127.0.0.11"]) await open(8, from, slow);
    await eventually(() => expect(port.named("initramfs-start")).toHaveLength(20));
    expect((await fetch(`${port.url}/autoexec.ipxe`)).status).toBe(200);
    expect(port.connections.admission.open).toBeLessThanOrEqual(20);
  });

  test("are let go, and their places are free again", async () => {
    await start(20, 20);
    await open(200, hog, slow);
    expect(port.connections.admission.open).toBeLessThanOrEqual(20);
    for (const socket of sockets) socket.destroy();
    await eventually(() => expect(port.connections.admission.open).toBe(0));
    expect((await fetch(`${port.url}/autoexec.ipxe`)).status).toBe(200);
  });
});
