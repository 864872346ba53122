import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { BindError, errnoOf, InternalError } from "../../../src/lib/errors.ts";
import { loadBatchedSockets } from "../../../src/net/batches/batched-sockets.ts";
import { dgramSockets } from "../../../src/net/dgram.ts";
import { transferSocketOpener } from "../../../src/net/transfer-socket.ts";
import { openDeviceSocket } from "../../../src/net/device-socket.ts";
import type { UdpEndpoint, UdpSocket } from "../../../src/net/udp.ts";
import { eventually } from "../../support/eventually.ts";

const batched = await loadBatchedSockets();
const loopback: UdpEndpoint = { address: "127.0.0.1", port: 0 };
const opened: UdpSocket[] = [];

async function keep(socket: Promise<UdpSocket>): Promise<UdpSocket> {
  const had = await socket;
  opened.push(had);
  return had;
}

/** What a socket hears: each datagram's bytes and its sender's port. */
function heardBy(socket: UdpSocket): { readonly bytes: number[]; readonly port: number }[] {
  const heard: { bytes: number[]; port: number }[] = [];
  socket.onMessage((payload, { port }) => heard.push({ bytes: Array.from(payload), port }));
  return heard;
}

function errorsOf(socket: UdpSocket): (string | null)[] {
  const errors: (string | null)[] = [];
  socket.onError((error) => errors.push(errnoOf(error)));
  return errors;
}

const until = (holds: () => boolean) => eventually(() => expect(holds()).toBe(true));

afterEach(async () => {
  await Promise.all(opened.splice(0).map((socket) => socket.close()));
});

// Without koffi there are none, and `dgram` has tests of its own.
describe.runIf(batched !== null)("sockets whose datagrams come and go in batches", () => {
  const udp = batched ?? dgramSockets;

  test("carry datagrams both ways, also to and from those of dgram", async () => {
    const [a, b] = [await keep(udp.open(loopback)), await keep(dgramSockets.open(loopback))];
    const [atA, atB] = [heardBy(a), heardBy(b)];
    expect(a.local.port).toBeGreaterThan(0);
    a.send(Uint8Array.of(1, 2, 3), b.local);
    b.send(Uint8Array.of(4), a.local);
    await until(() => atA.length > 0 && atB.length > 0);
    expect(atB).toEqual([{ bytes: [1, 2, 3], port: a.local.port }]);
    expect(atA).toEqual([{ bytes: [4], port: b.local.port }]);
  });

  test("hear all of more than a batch, in order, each with bytes of its own", async () => {
    const [a, b] = [await keep(udp.open(loopback)), await keep(udp.open(loopback))];
    const payloads: Uint8Array[] = [];
    b.onMessage((payload) => payloads.push(payload));
    const count = 150;
    // The buffer is used again, as the blocks of a TFTP window are.
    const buffer = new Uint8Array(2);
    for (let n = 0; n < count; n += 1) {
      buffer.set([n, n + 1]);
      a.send(buffer, b.local);
    }
    await until(() => payloads.length === count);
    expect(payloads.map((one) => Array.from(one))).toEqual(
      Array.from({ length: count }, (_, n) => [n & 0xff, (n + 1) & 0xff]),
    );
    expect(new Set(payloads.map(({ buffer: own }) => own)).size).toBe(count);
  });

  test.each([0, 1, 2048, 2049, 65_507])("carry %i bytes as one datagram", async (length) => {
    const [a, b] = [await keep(udp.open(loopback)), await keep(udp.open(loopback))];
    const heard = heardBy(b);
    const payload = Uint8Array.from({ length }, (_, n) => n & 0xff);
    a.send(Uint8Array.of(7), b.local);
    a.send(payload, b.local);
    a.send(Uint8Array.of(8), b.local);
    await until(() => heard.length === 3);
    expect(heard.map(({ bytes }) => bytes.length)).toEqual([1, length, 1]);
    expect(Uint8Array.from(heard[1]?.bytes ?? [])).toEqual(payload);
  });

  test("promises and ticks that a handler began go on without anything else happening", async () => {
    const [a, b] = [await keep(udp.open(loopback)), await keep(udp.open(loopback))];
    const done: string[] = [];
    b.onMessage(() => {
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => done.push("promise"));
      process.nextTick(() => done.push("tick"));
      // Before the event loop waits again.
      setImmediate(() => done.push("turn"));
    });
    a.send(Uint8Array.of(1), b.local);
    await until(() => done.length === 3);
    expect(done.at(-1)).toBe("turn");
  });

  test("an answer in the handler leaves with the batch; one from a promise later does, too", async () => {
    const [a, b] = [await keep(udp.open(loopback)), await keep(udp.open(loopback))];
    const heard = heardBy(a);
    b.onMessage((payload, from) => {
      b.send(payload, from);
      void nextTurn().then(() => b.send(Uint8Array.of(9), from));
    });
    for (const n of [1, 2, 3]) a.send(Uint8Array.of(n), b.local);
    await until(() => heard.length === 6);
    expect(heard.slice(0, 3).map(({ bytes }) => bytes[0])).toEqual([1, 2, 3]);
  });

  test("a datagram that cannot be sent is reported, and those beside it are sent", async () => {
    const [a, b] = [await keep(udp.open(loopback)), await keep(udp.open(loopback))];
    const [heard, errors] = [heardBy(b), errorsOf(a)];
    a.send(Uint8Array.of(1), b.local);
    a.send(new Uint8Array(70_000), b.local);
    a.send(Uint8Array.of(2), { address: "127.0.0.1", port: 70_000 });
    // Not without SO_BROADCAST.
    a.send(Uint8Array.of(3), { address: "127.255.255.255", port: 9 });
    a.send(Uint8Array.of(4), b.local);
    await until(() => heard.length === 2 && errors.length === 3);
    expect(heard.map(({ bytes }) => bytes[0])).toEqual([1, 4]);
    expect(new Set(errors)).toEqual(new Set(["EACCES", "EINVAL", "EMSGSIZE"]));
    expect(errors).toHaveLength(3);
  });

  test("a port that is in use, or an address that is not ours, is a BindError", async () => {
    const first = await keep(udp.open(loopback));
    await expect(udp.open(first.local)).rejects.toThrow(BindError);
    await expect(udp.open(first.local)).rejects.toThrow(`ss -lunp 'sport = :${first.local.port}'`);
    await expect(udp.open({ address: "192.0.2.1", port: 0 })).rejects.toThrow("ip -4 addr");
  });

  test("closing twice is one close, sends what was gathered, and frees the port", async () => {
    const [a, b] = [await udp.open(loopback), await keep(udp.open(loopback))];
    const [heard, errors] = [heardBy(b), errorsOf(a)];
    a.send(Uint8Array.of(1), b.local);
    await Promise.all([a.close(), a.close()]);
    a.send(Uint8Array.of(2), b.local);
    const again = await keep(udp.open(a.local));
    expect(again.local).toEqual(a.local);
    again.send(Uint8Array.of(3), b.local);
    await until(() => heard.length === 2);
    expect(heard.map(({ bytes }) => bytes[0])).toEqual([1, 3]);
    expect(errors).toEqual([]);
  });

  test("a handler that closes its socket hears no more, and another socket goes on", async () => {
    const [a, b] = [await keep(udp.open(loopback)), await udp.open(loopback)];
    const heard: number[] = [];
    b.onMessage((payload) => {
      heard.push(payload[0] ?? 0);
      void b.close();
    });
    for (const n of [1, 2, 3]) a.send(Uint8Array.of(n), b.local);
    await until(() => heard.length > 0);
    const c = await keep(udp.open(loopback));
    const atC = heardBy(c);
    a.send(Uint8Array.of(4), c.local);
    await until(() => atC.length === 1);
    expect(heard).toEqual([1]);
  });

  test("a connected one hears its peer alone, learns each time that it is gone, and that it is back", async () => {
    const peer = await udp.open(loopback);
    const stranger = await keep(udp.open(loopback));
    const socket = await keep(udp.openConnected(loopback, peer.local));
    const [heard, errors] = [heardBy(socket), errorsOf(socket)];
    stranger.send(Uint8Array.of(66), socket.local);
    peer.send(Uint8Array.of(1), socket.local);
    await until(() => heard.length === 1);
    expect(heard).toEqual([{ bytes: [1], port: peer.local.port }]);
    await peer.close();
    for (const times of [1, 2, 3]) {
      socket.send(Uint8Array.of(2), peer.local);
      await until(() => errors.length >= times);
    }
    expect(new Set(errors)).toEqual(new Set(["ECONNREFUSED"]));
    const back = await keep(udp.open(peer.local));
    back.send(Uint8Array.of(3), socket.local);
    await until(() => heard.length === 2);
    await expect(udp.openConnected(loopback, { ...loopback, port: 0 })).rejects.toThrow(BindError);
    let wrong: Error | null = null;
    socket.onError((error) => (wrong = error));
    socket.send(Uint8Array.of(1), stranger.local);
    expect(wrong).toBeInstanceOf(InternalError);
  });

  test("transfers have a pair of them, and links a pair that is bound to the device", async () => {
    const poll = { datagramHandled: () => {} };
    const [peer, stranger] = [await keep(udp.open(loopback)), await keep(udp.open(loopback))];
    const transfer = await keep(transferSocketOpener(poll, udp)(loopback, peer.local));
    const heard = heardBy(transfer);
    for (const one of [peer, stranger]) one.send(Uint8Array.of(1), transfer.local);
    await until(() => heard.length === 2);
    expect(new Set(heard.map(({ port }) => port))).toEqual(
      new Set([peer.local.port, stranger.local.port]),
    );
    const link = { device: "lo", address: "127.0.0.1", port: 0, passed: [], onlyDevice: true };
    const device = await openDeviceSocket({ ...link, udp });
    opened.push(device);
    const arrivals: unknown[] = [];
    device.onMessage((payload, _, arrival) => arrivals.push([payload[0], arrival]));
    const client = await keep(dgramSockets.openShared({ address: "127.0.0.9", port: 0 }));
    client.send(Uint8Array.of(1), device.local);
    client.send(Uint8Array.of(2), { address: "255.255.255.255", port: device.local.port });
    await until(() => arrivals.length > 0);
    expect(arrivals[0]).toEqual([1, "unicast"]);
    expect(device.means).toBe("device");
  });
});
