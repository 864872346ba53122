import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { encodePacket } from "../../../src/tftp/wire/packet.ts";
import { FakeUdp } from "../../support/fake-udp.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { ack, optionsOf } from "../../support/tftp.ts";
import { TestServer } from "../../support/tftp-server.ts";

/*
 * A source address may be forged: what is sent for one small request must not be a flood for somebody else
 * (field fault 45). Bytes of UDP payload in and out, for a minute after the request.
 */

const files = {
  "ipxe.efi": randomBytes(randomNumbers(5), 20_000),
  "autoexec.ipxe": randomBytes(randomNumbers(6), 30),
};
const FIRST_BLOCK = 4 + 512;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
});

afterEach(() => {
  vi.useRealTimers();
});

interface Asked {
  readonly name?: string;
  readonly options?: Readonly<Record<string, string | number>>;
  readonly singlePort?: boolean;
}

async function silentVictim({ name = "ipxe.efi", options = {}, singlePort = false }: Asked) {
  const udp = new FakeUdp();
  const server = await TestServer.start(files, { openUdp: udp.open, limits: { singlePort } });
  const victim = await udp.open({ address: "192.0.2.7", port: 4000 });
  const sizes: number[] = [];
  victim.onMessage((payload) => void sizes.push(payload.length));
  const asked = { filename: name, mode: "octet", options: optionsOf(options) } as const;
  const request = encodePacket({ opcode: "rrq", ...asked });
  const bytes = () => sizes.reduce((sum, size) => sum + size, 0);
  return { server, victim, request, sizes, bytes };
}

describe("field fault 45: a forged source address", () => {
  it.each([
    ["without options", {}],
    ["without options, in single-port mode", { singlePort: true }],
    ["with options that are not known", { options: { multicast: "", rollover: 1 } }],
    ["with options whose values are not valid", { options: { blksize: 7, windowsize: 0 } }],
  ])("gets one block for a request %s, and nothing more", async (_, asked) => {
    const { server, victim, request, sizes } = await silentVictim(asked);
    victim.send(request, server.endpoint);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sizes).toEqual([FIRST_BLOCK]);
    await server.close();
    expect(sizes).toEqual([FIRST_BLOCK]);
  });

  it.each([
    ["with options", { options: { tsize: 0, blksize: 1468, windowsize: 64 } }],
    ["with one option", { options: { tsize: 0 } }],
    ["with a short interval", { options: { timeout: 1 } }],
    ["for a small file", { name: "autoexec.ipxe" }],
    ["for a file that does not exist", { name: "absent" }],
    ["for a name that is not allowed", { name: "../../etc/shadow" }],
  ])("gets at most three times the bytes of a request %s", async (_, asked) => {
    const { server, victim, request, bytes } = await silentVictim(asked);
    victim.send(request, server.endpoint);
    await vi.advanceTimersByTimeAsync(60_000);
    await server.close();
    expect(bytes()).toBeGreaterThan(0);
    expect(bytes()).toBeLessThanOrEqual(3 * request.length);
  });

  it("gets one block for each request at most, however the requests come", async () => {
    const { server, victim, request, bytes } = await silentVictim({});
    let received = 0;
    for (let i = 0; i < 300; i++) {
      victim.send(request, server.endpoint);
      received += request.length;
      await vi.advanceTimersByTimeAsync(i % 7 === 0 ? 300 : 20);
    }
    await vi.advanceTimersByTimeAsync(60_000);
    await server.close();
    expect(bytes()).toBeLessThan((received / request.length) * FIRST_BLOCK);
  });

  it("gets nothing more by ACKs that anybody can send in single-port mode", async () => {
    const { server, victim, request, sizes } = await silentVictim({ singlePort: true });
    victim.send(request, server.endpoint);
    await vi.advanceTimersByTimeAsync(100);
    for (let i = 0; i < 30; i++) {
      victim.send(encodePacket(ack(0)), server.endpoint);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(sizes).toEqual([FIRST_BLOCK]);
  });

  it("gets nothing where it is in no network that machines boot from, and that is reported", async () => {
    const udp = new FakeUdp();
    const allows = (client: string): boolean => client !== "192.0.2.7";
    const server = await TestServer.start(files, { openUdp: udp.open, allows });
    for (const filename of ["ipxe.efi", "absent", "../etc/shadow"]) {
      const victim = await udp.open({ address: "192.0.2.7", port: 0 });
      victim.onMessage(() => expect.unreachable("nothing may be sent"));
      const request = { opcode: "rrq", filename, mode: "octet", options: new Map() } as const;
      victim.send(encodePacket(request), server.endpoint);
      await vi.advanceTimersByTimeAsync(1000);
    }
    const reason = expect.stringContaining("tftp.allowFrom");
    const refused = { event: "tftp-refused", address: "192.0.2.7", errorCode: 2, reason };
    expect(server.events).toMatchObject([refused, refused, refused]);
    expect(server.asked).toEqual([]);
  });

  it("is not told that its transfer gave way to another", async () => {
    const udp = new FakeUdp();
    const server = await TestServer.start(files, {
      openUdp: udp.open,
      limits: { maxTransfers: 1 },
    });
    const received: string[] = [];
    const request = encodePacket({
      opcode: "rrq",
      filename: "ipxe.efi",
      mode: "octet",
      options: new Map(),
    });
    for (const address of ["192.0.2.7", "192.0.2.8"]) {
      const victim = await udp.open({ address, port: 4000 });
      victim.onMessage((payload) => void received.push(`${address} ${payload.length}`));
      victim.send(request, server.endpoint);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(received).toEqual([`192.0.2.7 ${FIRST_BLOCK}`, `192.0.2.8 ${FIRST_BLOCK}`]);
    expect(server.events).toMatchObject([{ event: "tftp-failed", address: "192.0.2.7" }]);
  });
});
