import { createHash } from "node:crypto";
import { afterEach, expect } from "vitest";
import type { Clock } from "../../src/lib/clock.ts";
import { openDgram } from "../../src/net/dgram.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import type { TftpPacket } from "../../src/tftp/wire/packet.ts";
import { randomBytes, randomNumbers } from "./random.ts";
import { ack } from "./tftp.ts";
import { TftpClient } from "./tftp-client.ts";
import { TestServer } from "./tftp-server.ts";
import { openTransferUdp, serverUdp } from "./transfer-socket.ts";

export const file = randomBytes(randomNumbers(3), 100_000);

/** What the servers of `servedTftp` have. */
export const files = {
  "ipxe.efi": file,
  "autoexec.ipxe": file.subarray(0, 300),
  "empty.efi": new Uint8Array(),
};

export type StartOptions = Partial<Parameters<typeof TestServer.start>[1]>;

/**
 * A clock that stands still: nothing is taken for lost and nobody given up, however slow the machine is. What
 * depends on time is tested with `FakeUdp` and fake timers.
 */
export const stoppedClock: Clock = { now: () => 0, wall: () => 0 };

/** Servers and clients on loopback; what is in `opened` is closed after each test. */
export function servedTftp() {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()));
  });
  return {
    opened,
    serve: async (options: StartOptions = {}): Promise<TestServer> => {
      const parts = { openUdp: serverUdp.open, openTransferUdp, clock: stoppedClock };
      const server = await TestServer.start(files, { ...parts, ...options });
      opened.push(server);
      return server;
    },
    client: async (address?: string): Promise<TftpClient> => {
      const one = await TftpClient.open(openDgram, address);
      opened.push(one);
      return one;
    },
  };
}

/** Asks and acknowledges the first block, so that the transfer runs; from where it is sent. */
export async function running(one: TftpClient, { endpoint }: TestServer): Promise<UdpEndpoint> {
  one.request(endpoint, "ipxe.efi");
  const { packet, from } = await one.next();
  expect(packet).toMatchObject({ opcode: "data", block: 1 });
  one.send(ack(1), from);
  expect((await one.next()).packet).toMatchObject({ opcode: "data", block: 2 });
  return from;
}

/** What was fetched, in a form that is quick to compare: the checksum of bytes, or the packet itself. */
export function told(fetched: Uint8Array | TftpPacket): string | TftpPacket {
  if (!(fetched instanceof Uint8Array)) return fetched;
  return createHash("sha256").update(fetched).digest("hex");
}

export const whole = told(file);

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const socket = await openDgram({ address: "127.0.0.1", port: 0 });
  await socket.close();
  return socket.local.port;
}
