import { createSocket, Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, test, vi } from "vitest";
import { BindError, errnoOf, InternalError } from "../../src/lib/errors.ts";
import { bindError } from "../../src/lib/bind-error.ts";
import { openDgram, openDgramConnected } from "../../src/net/dgram.ts";
import type { UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";

const loopback: UdpEndpoint = { address: "127.0.0.1", port: 0 };
const opened: UdpSocket[] = [];

async function keep(socket: Promise<UdpSocket>): Promise<UdpSocket> {
  const had = await socket;
  opened.push(had);
  return had;
}

function nextMessage(socket: UdpSocket): Promise<{ payload: Uint8Array; from: UdpEndpoint }> {
  return new Promise((resolve) => {
    socket.onMessage((payload, from) => resolve({ payload, from }));
  });
}

function nextError(socket: UdpSocket): Promise<Error> {
  return new Promise((resolve) => {
    socket.onError(resolve);
  });
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((socket) => socket.close()));
});

describe("openDgram", () => {
  test("takes a free port and carries datagrams both ways", async () => {
    const a = await keep(openDgram(loopback));
    const b = await keep(openDgram(loopback));
    expect(a.local.port).toBeGreaterThan(0);
    const atB = nextMessage(b);
    a.send(Uint8Array.of(1, 2, 3), b.local);
    const received = await atB;
    expect(Array.from(received.payload)).toEqual([1, 2, 3]);
    expect(received.from).toEqual(a.local);
    const atA = nextMessage(a);
    b.send(Uint8Array.of(4), received.from);
    expect(Array.from((await atA).payload)).toEqual([4]);
  });

  test("a port in use is a BindError that names the port and how to find its holder", async () => {
    const first = await keep(openDgram(loopback));
    const second = openDgram(first.local);
    await expect(second).rejects.toThrow(BindError);
    await expect(second).rejects.toThrow(`127.0.0.1:${first.local.port}`);
    await expect(second).rejects.toThrow(`ss -lunp 'sport = :${first.local.port}'`);
  });

  test("the client port in use is a BindError that names the DHCP clients that take it", () => {
    const busy = Object.assign(new InternalError("bind"), { code: "EADDRINUSE" });
    const error = bindError(
      { transport: "UDP", address: "192.0.2.1", port: 68, device: "eth1" },
      busy,
    );
    expect(error.message).toMatch(/192\.0\.2\.1:68 on eth1: .*DHCP client.*systemd-networkd/);
  });

  test("an address that is not ours is a BindError that says where to look", async () => {
    const socket = openDgram({ address: "192.0.2.1", port: 0 });
    await expect(socket).rejects.toThrow(BindError);
    await expect(socket).rejects.toThrow("ip -4 addr");
  });

  test("a send that fails goes to onError and does not throw", async () => {
    const socket = await keep(openDgram(loopback));
    const badPort = nextError(socket);
    socket.send(Uint8Array.of(1), { address: "127.0.0.1", port: 70000 });
    expect(errnoOf(await badPort)).toBe("ERR_SOCKET_BAD_PORT");
    const tooLong = nextError(socket);
    socket.send(new Uint8Array(70000), { address: "127.0.0.1", port: 9 });
    expect(errnoOf(await tooLong)).toBe("EMSGSIZE");
  });

  test("sends nothing more while a link that is too slow has megabytes to send yet", async () => {
    const peer = await keep(openDgram(loopback));
    const socket = await keep(openDgram(loopback));
    const heard = nextMessage(peer);
    const queued = vi.spyOn(Socket.prototype, "getSendQueueSize").mockReturnValue(5 * 1024 * 1024);
    socket.send(Uint8Array.of(1), peer.local);
    queued.mockRestore();
    socket.send(Uint8Array.of(2), peer.local);
    expect(Array.from((await heard).payload)).toEqual([2]);
  });

  test("closing twice is one close, and a later send does nothing", async () => {
    const socket = await openDgram(loopback);
    const errors: Error[] = [];
    socket.onError((error) => errors.push(error));
    await Promise.all([socket.close(), socket.close()]);
    socket.send(Uint8Array.of(1), loopback);
    expect(errors).toEqual([]);
    const again = await keep(openDgram(socket.local));
    expect(again.local).toEqual(socket.local);
  });
});

describe("openDgramConnected", () => {
  test("learns that the peer's port is closed", async () => {
    const peer = await openDgram(loopback);
    const socket = await keep(openDgramConnected(loopback, peer.local));
    await peer.close();
    const gone = nextError(socket);
    socket.send(Uint8Array.of(1), peer.local);
    expect(errnoOf(await gone)).toBe("ECONNREFUSED");
  });

  test("hears its peer and nobody else", async () => {
    const peer = await keep(openDgram(loopback));
    const stranger = await keep(openDgram(loopback));
    const socket = await keep(openDgramConnected(loopback, peer.local));
    const heard = nextMessage(socket);
    stranger.send(Uint8Array.of(66), socket.local);
    peer.send(Uint8Array.of(1), socket.local);
    expect(Array.from((await heard).payload)).toEqual([1]);
  });

  test("a send to anybody but the peer is an error of ours", async () => {
    const peer = await keep(openDgram(loopback));
    const socket = await keep(openDgramConnected(loopback, peer.local));
    const error = nextError(socket);
    socket.send(Uint8Array.of(1), { address: "127.0.0.1", port: 9 });
    expect(await error).toBeInstanceOf(InternalError);
  });
});

describe("a port in use", () => {
  test("is recognised by what the kernel says", async () => {
    const first = createSocket("udp4");
    first.bind(0, "127.0.0.1");
    await once(first, "listening");
    const { port } = first.address();
    await expect(openDgram({ address: "127.0.0.1", port })).rejects.toThrow("another program");
    first.close();
  });
});
