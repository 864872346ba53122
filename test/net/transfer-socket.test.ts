import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { BindError, errnoOf } from "../../src/lib/errors.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { transferSocketOpener } from "../../src/net/transfer-socket.ts";
import type { UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";

const loopback: UdpEndpoint = { address: "127.0.0.1", port: 0 };
const opened: UdpSocket[] = [];

async function keep(socket: Promise<UdpSocket>): Promise<UdpSocket> {
  const had = await socket;
  opened.push(had);
  return had;
}

function nextMessage(socket: UdpSocket): Promise<{ payload: number[]; from: UdpEndpoint }> {
  return new Promise((resolve) => {
    socket.onMessage((payload, from) => resolve({ payload: Array.from(payload), from }));
  });
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((socket) => socket.close()));
});

describe("a transfer's socket", () => {
  test("talks with its peer", async () => {
    const peer = await keep(openDgram(loopback));
    const socket = await keep(openTransferUdp(loopback, peer.local));
    const atPeer = nextMessage(peer);
    const atSocket = nextMessage(socket);
    socket.send(Uint8Array.of(1), peer.local);
    expect(await atPeer).toEqual({ payload: [1], from: socket.local });
    peer.send(Uint8Array.of(2), socket.local);
    expect(await atSocket).toEqual({ payload: [2], from: peer.local });
  });

  test("waits for more of its peer's, and of nobody else's", async () => {
    const peer = await keep(openDgram(loopback));
    const stranger = await keep(openDgram(loopback));
    const order: string[] = [];
    const poll = { datagramHandled: () => order.push("waits") };
    const socket = await keep(transferSocketOpener(poll)(loopback, peer.local));
    const all = new Promise<void>((resolve) => {
      socket.onMessage((_, from) => {
        order.push(from.port === peer.local.port ? "peer" : "stranger");
        if (order.length === 3) resolve();
      });
    });
    peer.send(Uint8Array.of(1), socket.local);
    while (order.length < 2) await sleep(1);
    stranger.send(Uint8Array.of(2), socket.local);
    await all;
    await sleep(1);
    expect(order).toEqual(["peer", "waits", "stranger"]);
  });

  test("hears a stranger too, and answers it from the same port", async () => {
    const peer = await keep(openDgram(loopback));
    const stranger = await keep(openDgram(loopback));
    const socket = await keep(openTransferUdp(loopback, peer.local));
    const atSocket = nextMessage(socket);
    const atStranger = nextMessage(stranger);
    stranger.send(Uint8Array.of(3), socket.local);
    const { from } = await atSocket;
    expect(from).toEqual(stranger.local);
    socket.send(Uint8Array.of(4), from);
    expect(await atStranger).toEqual({ payload: [4], from: socket.local });
  });

  test("learns that its peer is gone, and is not disturbed by strangers who are", async () => {
    const peer = await openDgram(loopback);
    const stranger = await openDgram(loopback);
    const socket = await keep(openTransferUdp(loopback, peer.local));
    const errors: (string | null)[] = [];
    const first = new Promise<void>((resolve) => {
      socket.onError((error) => {
        errors.push(errnoOf(error));
        resolve();
      });
    });
    await Promise.all([peer.close(), stranger.close()]);
    socket.send(Uint8Array.of(1), stranger.local);
    socket.send(Uint8Array.of(1), peer.local);
    await first;
    expect(errors).toEqual(["ECONNREFUSED"]);
  });

  test("takes the port that it is told, and none that another program holds", async () => {
    const holder = await keep(openDgram(loopback));
    const peer = await keep(openDgram(loopback));
    await expect(openTransferUdp(holder.local, peer.local)).rejects.toThrow(BindError);
    const { local } = holder;
    await holder.close();
    expect((await keep(openTransferUdp(local, peer.local))).local).toEqual(local);
  });

  test.each([
    ["port 0", "127.0.0.1", 0],
    // The kernel connects no socket of loopback to another network.
    ["another network", "192.0.2.1", 9],
  ])("to %s cannot be had, and its port is free again", async (_, address, port) => {
    const probe = await openDgram(loopback);
    await probe.close();
    const { local } = probe;
    await expect(openTransferUdp(local, { address, port })).rejects.toThrow(BindError);
    expect((await keep(openDgram(local))).local).toEqual(local);
  });

  test("reports a datagram that is too long, and does nothing once it is closed", async () => {
    const peer = await keep(openDgram(loopback));
    const socket = await keep(openTransferUdp(loopback, peer.local));
    const failed = new Promise<Error>((resolve) => {
      socket.onError(resolve);
    });
    socket.send(new Uint8Array(70_000), peer.local);
    expect(errnoOf(await failed)).toBe("EMSGSIZE");
    await Promise.all([socket.close(), socket.close()]);
    socket.send(Uint8Array.of(1), peer.local);
    const again = await keep(openDgram(socket.local));
    expect(again.local).toEqual(socket.local);
  });
});
