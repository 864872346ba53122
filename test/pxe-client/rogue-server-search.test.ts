import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RogueServerSearch } from "../../src/pxe-client/rogue-server-search.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import type { UdpEndpoint, UdpSocket } from "../../src/net/udp.ts";

const ours = "192.168.77.1";
const mac = "02:00:00:00:00:01";

/** A socket whose other end is the test. */
class Wire implements UdpSocket {
  readonly local: UdpEndpoint = { address: ours, port: 67 };
  readonly sent: DhcpPacket[] = [];
  #hear: (payload: Uint8Array, from: UdpEndpoint) => void = () => {};
  closed = false;
  send(payload: Uint8Array): void {
    this.sent.push(decodePacket(payload));
  }
  onMessage(handler: (payload: Uint8Array, from: UdpEndpoint) => void): void {
    this.#hear = handler;
  }
  onError(): void {}
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
  /** An answer to the first request that was sent. */
  answer(
    server: string,
    changes: Partial<DhcpPacket> = {},
    type: number = MessageType.OFFER,
  ): void {
    const [request] = this.sent;
    if (request === undefined) throw new Error("nothing was asked");
    const options = new Map([
      [OptionCode.MESSAGE_TYPE, Uint8Array.of(type)],
      [OptionCode.SERVER_IDENTIFIER, ip4ToBytes(server)],
    ]);
    const reply = { ...request, op: 2, yiaddr: "192.168.77.60", options, ...changes };
    this.#hear(encodePacket(reply), { address: server, port: 67 });
  }
}

let serverPort: Wire;
let clientPort: Wire | null;
let search: RogueServerSearch;
beforeEach(() => {
  vi.useFakeTimers();
  serverPort = new Wire();
  clientPort = new Wire();
  const openClientPort = () => Promise.resolve(clientPort);
  search = new RogueServerSearch({ address: ours, mac, serverPort, openClientPort });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Begins to search, and lets so many milliseconds pass. */
async function begun(ms = 0) {
  const result = search.search();
  await vi.advanceTimersByTimeAsync(ms);
  return result;
}

describe("the search for other servers", () => {
  test("asks in two ways as a client and as a relay agent, and once more after a second", async () => {
    const result = begun(2500);
    expect(await result).toBeNull();
    const asked = (wire: Wire | null) =>
      wire?.sent.map(({ giaddr, ciaddr, options }) => [giaddr, ciaddr, options.get(53)?.[0]]);
    const none = "0.0.0.0";
    const twice = (giaddr: string) => [
      [giaddr, ours, MessageType.INFORM],
      [giaddr, none, MessageType.DISCOVER],
      [giaddr, ours, MessageType.INFORM],
      [giaddr, none, MessageType.DISCOVER],
    ];
    expect(asked(clientPort)).toEqual(twice(none));
    expect(asked(serverPort)).toEqual(twice(ours));
    expect(clientPort?.closed).toBe(true);
    expect(serverPort.closed).toBe(false);
  });

  test.each(["client", "server"])("finds one that answers to the %s's port", async (which) => {
    const result = search.search();
    await vi.advanceTimersByTimeAsync(2000);
    (which === "client" ? clientPort : serverPort)?.answer("192.168.77.5");
    expect(await result).toEqual({ server: "192.168.77.5", offered: "192.168.77.60" });
  });

  test("waits a little longer for what one offers that has answered otherwise", async () => {
    const result = search.search();
    await vi.advanceTimersByTimeAsync(10);
    clientPort?.answer("192.168.77.5", { yiaddr: "0.0.0.0" }, MessageType.ACK);
    await vi.advanceTimersByTimeAsync(3200);
    clientPort?.answer("192.168.77.5");
    expect(await result).toEqual({ server: "192.168.77.5", offered: "192.168.77.60" });
  });

  test("finds one that answers and offers nothing, as to machines that it does not know", async () => {
    const result = search.search();
    await vi.advanceTimersByTimeAsync(10);
    serverPort.answer("192.168.77.5", { yiaddr: "0.0.0.0" }, MessageType.ACK);
    await vi.advanceTimersByTimeAsync(4000);
    expect(await result).toEqual({ server: "192.168.77.5", offered: null });
  });

  test("goes on without the client's port where that is taken", async () => {
    clientPort = null;
    const result = search.search();
    await vi.advanceTimersByTimeAsync(10);
    serverPort.answer("192.168.77.5");
    expect(await result).toMatchObject({ server: "192.168.77.5" });
  });

  test("takes no notice of us, of proxies, of answers to others, of refusals and of noise", async () => {
    const result = search.search();
    await vi.advanceTimersByTimeAsync(10);
    clientPort?.answer(ours);
    clientPort?.answer("192.168.77.5", { yiaddr: "0.0.0.0" });
    clientPort?.answer("192.168.77.5", { xid: 7 });
    clientPort?.answer("192.168.77.5", { op: 1 });
    clientPort?.answer("192.168.77.5", {}, MessageType.NAK);
    await vi.advanceTimersByTimeAsync(4000);
    expect(await result).toBeNull();
  });

  test("ends at once when it is stopped, and hears nothing afterwards", async () => {
    const result = search.search();
    await vi.advanceTimersByTimeAsync(10);
    search.stop();
    expect(await result).toBeNull();
    serverPort.answer("192.168.77.5");
    expect(vi.getTimerCount()).toBe(0);
  });

  test("ends as well when it is stopped before it could ask", async () => {
    const result = search.search();
    search.stop();
    expect(await result).toBeNull();
    expect(serverPort.sent).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});
