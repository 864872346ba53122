import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fromText, toText } from "../../src/lib/bytes.ts";
import { BindError } from "../../src/lib/errors.ts";
import { openDeviceSocket, openListener } from "../../src/net/device-socket.ts";
import { dgramSockets, openDgram, openDgramShared } from "../../src/net/dgram.ts";
import { type Libc, loadLibc } from "../../src/net/libc.ts";
import {
  adoptPassed,
  passedDescriptors,
  type PassedSocket,
} from "../../src/net/systemd-sockets.ts";
import type { UdpEndpoint, UdpSocket, UdpSockets } from "../../src/net/udp.ts";
import { createNetns, netnsMissing, type Netns } from "../support/netns.ts";

const withoutLibc = (): Promise<Libc | null> => Promise.resolve(null);
const libc = process.platform === "linux" ? await loadLibc() : null;
const onLoopback = { device: "lo", address: "127.0.0.1", port: 0, passed: [], onlyDevice: true };

const opened: UdpSocket[] = [];
const toClose: PassedSocket[] = [];
afterEach(async () => {
  await Promise.all([...opened.splice(0), ...toClose.splice(0)].map((socket) => socket.close()));
});

function keep<Socket extends UdpSocket>(socket: Socket): Socket {
  opened.push(socket);
  return socket;
}

/** Sends to the socket and returns from where its answer comes. */
async function ask(socket: UdpSocket, at: UdpEndpoint): Promise<UdpEndpoint> {
  const client = keep(await openDgram({ address: "127.0.0.9", port: 0 }));
  socket.onMessage((payload, from) => socket.send(payload, from));
  const answered = new Promise<UdpEndpoint>((resolve) => {
    client.onMessage((payload, from) => {
      if (toText(payload) === "who?") resolve(from);
    });
  });
  client.send(fromText("who?"), at);
  return answered;
}

/** Sockets on loopback, at one port, as systemd would hand them over. */
async function passed(name: string, ...addresses: string[]) {
  let port = 0;
  const descriptors = [];
  const sockets = [];
  for (const address of addresses) {
    const fd = libc?.bindToDevice("lo", { address, port }, true) ?? -1;
    descriptors.push({ fd, name });
    sockets.push(...(await adoptPassed([{ fd, name }])));
    port = sockets[0]?.local.port ?? 0;
  }
  toClose.push(...sockets);
  return { passed: sockets, port };
}

describe.runIf(libc !== null)("bound to a device through libc", () => {
  test("answers from the address that was asked for, whatever others the device has", async () => {
    const socket = keep(await openDeviceSocket({ ...onLoopback, address: "127.0.0.5" }));
    expect(socket.means).toBe("device");
    expect(await ask(socket, socket.local)).toEqual(socket.local);
    expect(await ask(socket, { ...socket.local, address: "127.0.0.7" })).toEqual(socket.local);
  });

  test("a server that shares the port is noticed, and none can join later", async () => {
    const other = keep(await openDgramShared({ address: "0.0.0.0", port: 0 }));
    const taken = openDeviceSocket({ ...onLoopback, port: other.local.port });
    await expect(taken).rejects.toThrow(BindError);
    await expect(taken).rejects.toThrow(`127.0.0.1:${other.local.port} on lo: another program`);
    const socket = keep(await openDeviceSocket(onLoopback));
    const { port } = socket.local;
    await expect(openDgramShared({ address: "0.0.0.0", port })).rejects.toThrow(BindError);
    await expect(openDeviceSocket({ ...onLoopback, port })).rejects.toThrow(BindError);
  });

  test("a listener takes the port from nobody: not from one address, nor from who shares it", async () => {
    // As NetworkManager's DHCP client binds it, and as dhclient does.
    const before = keep(await openDgram({ address: "127.0.0.9", port: 0 }));
    const { port } = before.local;
    const listener = keep(await openListener({ device: "lo", port }));
    expect(listener.local).toEqual({ address: "255.255.255.255", port });
    const after = keep(await openDgram({ address: "127.0.0.8", port }));
    expect(after.local.port).toBe(port);

    const second = keep(await openListener({ device: "lo", port: 0 }));
    const sharing = keep(await openDgramShared({ address: "0.0.0.0", port: second.local.port }));
    expect(sharing.local.port).toBe(second.local.port);
  });

  test("a listener is not to be had beside a program that shares the port with nobody", async () => {
    const { local } = keep(await openDgram({ address: "0.0.0.0", port: 0 }));
    const listener = openListener({ device: "lo", port: local.port });
    await expect(listener).rejects.toThrow("another program holds the port");
    const without = openListener({ device: "lo", port: 0 }, withoutLibc);
    await expect(without).rejects.toThrow("a bundle of install.sh");
  });

  test("a device that does not exist is a BindError that names it", async () => {
    const socket = openDeviceSocket({ ...onLoopback, device: "nosuch0" });
    await expect(socket).rejects.toThrow("no network interface nosuch0");
  });

  test("closing frees the port", async () => {
    const socket = await openDeviceSocket(onLoopback);
    await socket.close();
    const again = keep(await openDeviceSocket({ ...onLoopback, port: socket.local.port }));
    expect(again.local).toEqual(socket.local);
  });
});

describe("without libc", () => {
  test("one device is served by plain sockets that answer from its address", async () => {
    const socket = keep(await openDeviceSocket(onLoopback, withoutLibc));
    expect(socket.means).toBe("shared");
    expect(await ask(socket, { ...socket.local, address: "127.0.0.7" })).toEqual(socket.local);
  });

  test("several devices are refused with the ways out", async () => {
    const socket = openDeviceSocket({ ...onLoopback, onlyDevice: false }, withoutLibc);
    await expect(socket).rejects.toThrow(BindError);
    await expect(socket).rejects.toThrow(/koffi.*systemd.*one interface/s);
  });

  test("a server that shares the port is noticed", async () => {
    const other = keep(await openDgramShared({ address: "0.0.0.0", port: 0 }));
    const taken = openDeviceSocket({ ...onLoopback, port: other.local.port }, withoutLibc);
    await expect(taken).rejects.toThrow("another program holds the port");
  });
});

/** Addresses of sockets that were told to gather what arrives. */
const gathering: string[] = [];
function gatherer(socket: UdpSocket): UdpSocket {
  return { ...socket, gather: () => void gathering.push(socket.local.address) };
}
const gatherers: UdpSockets = {
  ...dgramSockets,
  openShared: async (...args) => gatherer(await dgramSockets.openShared(...args)),
  adopt: async (...args) => gatherer(await dgramSockets.adopt(...args)),
};

describe.runIf(libc !== null)("gathers on all its sockets", () => {
  beforeEach(() => void gathering.splice(0));

  test.each([
    ["bound to a device", undefined],
    ["plain", withoutLibc],
  ])("%s", async (_, load) => {
    keep(await openDeviceSocket({ ...onLoopback, udp: gatherers }, load)).gather?.();
    expect(gathering).toEqual(["0.0.0.0", "127.0.0.1"]);
  });

  test("passed by systemd", async () => {
    const fd = libc?.bindToDevice("lo", { address: "0.0.0.0", port: 0 }, true) ?? -1;
    const sockets = await adoptPassed([{ fd, name: "lo" }], gatherers);
    toClose.push(...sockets);
    const port = sockets[0]?.local.port ?? 0;
    const given = { ...onLoopback, passed: sockets, port };
    keep(await openDeviceSocket(given)).gather?.();
    expect(gathering).toEqual(["0.0.0.0"]);
  });
});

describe("passedDescriptors", () => {
  test("numbers them from 3, with their names", () => {
    const environment = { LISTEN_PID: "77", LISTEN_FDS: "3", LISTEN_FDNAMES: "eth1:eth2" };
    expect(passedDescriptors(environment, 77)).toEqual([
      { fd: 3, name: "eth1" },
      { fd: 4, name: "eth2" },
      { fd: 5, name: "" },
    ]);
  });

  test.each([
    ["for another process", { LISTEN_PID: "78", LISTEN_FDS: "1" }],
    ["that nobody passed", {}],
    ["of a number that is none", { LISTEN_PID: "77", LISTEN_FDS: "many" }],
  ])("takes none %s", (_, environment) => {
    expect(passedDescriptors(environment, 77)).toEqual([]);
  });
});

describe.runIf(libc !== null)("passed by systemd", () => {
  test("a socket with the device's name is taken, and it answers from our address", async () => {
    const given = await passed("lo", "0.0.0.0");
    const socket = await openDeviceSocket({ ...onLoopback, ...given, onlyDevice: false });
    expect(socket.means).toBe("systemd");
    expect(await ask(socket, socket.local)).toEqual(socket.local);
  });

  test("a second one on our address is used to answer from that address", async () => {
    const given = await passed("lo", "0.0.0.0", "127.0.0.5");
    const socket = await openDeviceSocket({ ...onLoopback, ...given, address: "127.0.0.5" });
    expect(await ask(socket, { ...socket.local, address: "127.0.0.7" })).toEqual({
      address: "127.0.0.5",
      port: given.port,
    });
  });

  test("another name will do for the only device, but not for one of several", async () => {
    const given = await passed("eim-pxe.socket", "0.0.0.0");
    expect((await openDeviceSocket({ ...onLoopback, ...given })).means).toBe("systemd");
    const other = openDeviceSocket({ ...onLoopback, ...given, onlyDevice: false }, withoutLibc);
    await expect(other).rejects.toThrow("several interfaces");
  });

  test("one is had again after it was closed, and only the last user hears and speaks", async () => {
    const given = await passed("lo", "0.0.0.0");
    const former = await openDeviceSocket({ ...onLoopback, ...given });
    const heard: string[] = [];
    former.onMessage((payload) => heard.push(toText(payload)));
    await former.close();
    const socket = keep(await openDeviceSocket({ ...onLoopback, ...given }));
    former.send(fromText("who?"), socket.local);
    expect(await ask(socket, socket.local)).toEqual(socket.local);
    expect(heard).toEqual([]);
  });

  test("one is not taken for a device that was made anew, which it does not hear", async () => {
    const [socket] = (await passed("eth1", "0.0.0.0")).passed;
    expect(socket?.hears(7)).toBe(true);
    await socket?.lend(7).close();
    expect([socket?.hears(7), socket?.hears(8)]).toEqual([true, false]);
  });

  test("one that hears no broadcasts is refused with the line to write", async () => {
    const given = await passed("lo", "127.0.0.1");
    await expect(openDeviceSocket({ ...onLoopback, ...given })).rejects.toThrow(
      `ListenDatagram=0.0.0.0:${given.port} with BindToDevice=lo`,
    );
  });

  test("one that would answer from another address is refused with the line to write", async () => {
    const given = await passed("lo", "0.0.0.0");
    await expect(
      openDeviceSocket({ ...onLoopback, ...given, address: "127.0.0.5" }),
    ).rejects.toThrow(`ListenDatagram=127.0.0.5:${given.port} beside it`);
  });
});

const missing = libc === null ? "koffi is not installed" : netnsMissing();

describe.skipIf(missing !== null)(
  `in network namespaces${missing === null ? "" : ` (${missing})`}`,
  () => {
    const server = new URL("guests/device-server.ts", import.meta.url);
    const client = new URL("guests/device-client.ts", import.meta.url);
    let lab: Netns | null = null;
    afterEach(async () => {
      await lab?.close();
      lab = null;
    });

    /** A server with the devices eth1 and eth2, each with a client behind it, and no default route. */
    function twoLinks() {
      const net = createNetns();
      lab = net;
      const host = net.host("server");
      const clients = [1, 2].map((n) => {
        const other = net.host(`client${n}`);
        net.cable(
          { host, device: `eth${n}`, addresses: [`10.7.${n}.1/24`, `10.7.${n}.254/24`] },
          { host: other, device: "eth0", addresses: [`10.7.${n}.9/24`] },
        );
        return other;
      });
      return { net, host, clients };
    }

    test("two links, two clients: each broadcast is heard on its link and answered on it alone", async () => {
      const { net, host, clients } = twoLinks();
      const serving = net.run(host, server, "67", "koffi", "eth1=10.7.1.1", "eth2=10.7.2.1");
      expect(await serving.next()).toEqual({ ready: ["device", "device"] });
      const guests = clients.map((name, i) =>
        net.run(name, client, `10.7.${i + 1}.9`, "67", `255.255.255.255=hello ${i + 1}`),
      );
      for (const [i, guest] of guests.entries()) {
        expect(await guest.next()).toEqual({
          text: `hello ${i + 1} by eth${i + 1}`,
          from: { address: `10.7.${i + 1}.1`, port: 67 },
        });
      }
      const heard = [await serving.next(), await serving.next()];
      expect(heard).toContainEqual({
        device: "eth1",
        text: "hello 1",
        from: { address: "10.7.1.9", port: 6868 },
      });
      expect(heard).toContainEqual({
        device: "eth2",
        text: "hello 2",
        from: { address: "10.7.2.9", port: 6868 },
      });
      // A stray answer would have come before the end that follows it on the same cable.
      serving.write("end");
      for (const [i, guest] of guests.entries()) {
        expect(await guest.next()).toMatchObject({ text: "end", from: { port: 67 } });
        const { output } = await guest.ended();
        expect(output.trim().split("\n")).toHaveLength(2);
        expect(output).toContain(`10.7.${i + 1}.1`);
      }
    });

    test("a second address of the device is the source of answers, broadcast and unicast heard", async () => {
      const { net, host, clients } = twoLinks();
      const serving = net.run(host, server, "67", "koffi", "eth1=10.7.1.254");
      await serving.next();
      const guest = net.run(
        clients[0] ?? "",
        client,
        "10.7.1.9",
        "67",
        "255.255.255.255=a",
        "10.7.1.254=b",
        "10.7.1.255=c",
      );
      const answers = [await guest.next(), await guest.next(), await guest.next()];
      for (const letter of ["a", "b", "c"]) {
        expect(answers).toContainEqual({
          text: `${letter} by eth1`,
          from: { address: "10.7.1.254", port: 67 },
        });
      }
    });

    test("without libc one device is served by a pair that answers on the right link", async () => {
      const { net, host, clients } = twoLinks();
      const serving = net.run(host, server, "67", "none", "eth2=10.7.2.1");
      expect(await serving.next()).toEqual({ ready: ["shared"] });
      const guest = net.run(clients[1] ?? "", client, "10.7.2.9", "67", "255.255.255.255=hello");
      expect(await guest.next()).toEqual({
        text: "hello by eth2",
        from: { address: "10.7.2.1", port: 67 },
      });
    });
  },
);
