import { encodePacket as encodeDhcp, type DhcpPacket } from "../../dhcp/wire/packet.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { LoadLoop } from "../../net/load-loop.ts";
import type { UdpEndpoint } from "../../net/udp.ts";
import { replyTo } from "../wire/dhcp-wire.ts";
import { BootFailure } from "../wire/failure.ts";
import { brokenOff, type TftpAsked, TftpReceiver } from "./tftp-receiver.ts";

/* Downloads by TFTP, and the questions to a boot server, which go by UDP as well. */

export const TFTP_PORT = 69;
const BOOT_SERVER_PORT = 4011;
/** EDK2's and iPXE's patience. */
const silenceMs = 4000;
const tries = 6;
/** PXE 2.1, 3.1: a boot server is asked again after 1, 2, 3 and 4 s. */
const bootServerWaitsMs = [1000, 2000, 3000, 4000];
const readsAtOnce = 16;

/**
 * Fetches a file, of which nothing is kept; how many bytes it has.
 *
 * @param sizeFirst asks for the size in a transfer of its own before, as EDK2 does
 * @throws BootFailure when it does not come, or not all of it
 */
export async function downloadByTftp(
  loop: LoadLoop,
  own: Ip4,
  server: Ip4,
  file: string,
  how: { readonly asked: TftpAsked; readonly sizeFirst: boolean; readonly repeated: () => void },
): Promise<number> {
  if (how.sizeFirst) await transfer(loop, own, server, file, how, true);
  return transfer(loop, own, server, file, how, false);
}

function transfer(
  loop: LoadLoop,
  own: Ip4,
  server: Ip4,
  file: string,
  { asked, repeated }: { readonly asked: TftpAsked; readonly repeated: () => void },
  onlySize: boolean,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const { sockets } = loop;
    const descriptor = sockets.udp({ address: own, port: 0 }, null);
    const failed = (reason: string): BootFailure => new BootFailure(`TFTP ${file}: ${reason}`);
    if (typeof descriptor === "string") return reject(failed(`no socket on ${own}: ${descriptor}`));
    const receiver = new TftpReceiver(file, asked);
    const buffer = new Uint8Array(Math.max(2048, asked.blksize + 64));
    let peer: UdpEndpoint = { address: server, port: TFTP_PORT };
    let silences = 0;
    const end = (): void => {
      loop.clearDeadline(receiver);
      loop.close(id);
    };
    const fail = (reason: string): void => {
      end();
      reject(failed(reason));
    };
    const onSilence = (): void => {
      silences += 1;
      if (silences >= tries) {
        return fail(
          `${server} said nothing for ${(tries * silenceMs) / 1000} s after ${receiver.bytes} bytes`,
        );
      }
      repeated();
      sockets.sendTo(descriptor, receiver.last, peer);
      loop.setDeadline(receiver, performance.now() + silenceMs, onSilence);
    };
    const receive = (): void => {
      for (let reads = 0; reads < readsAtOnce; reads += 1) {
        const { length, from } = sockets.receiveFrom(descriptor, buffer);
        if (length === "EAGAIN") return;
        if (typeof length === "string") return fail(length);
        // RFC 1350 4: the server answers from a port of its own, which stays the same from then on.
        if (from.address !== server || (receiver.opened && from.port !== peer.port)) continue;
        peer = from;
        const step = receiver.receive(buffer.subarray(0, length));
        silences = 0;
        loop.moveDeadline(receiver, performance.now() + silenceMs);
        if (onlySize && step.kind !== "fail") {
          sockets.sendTo(descriptor, brokenOff, peer);
          end();
          return resolve(0);
        }
        switch (step.kind) {
          case "none":
            break;
          case "send":
            sockets.sendTo(descriptor, step.payload, peer);
            break;
          case "done":
            sockets.sendTo(descriptor, step.payload, peer);
            end();
            return resolve(step.bytes);
          case "fail":
            return fail(step.reason);
        }
      }
    };
    const id = loop.watch(descriptor, { readable: receive, writable: () => {} }, false);
    sockets.sendTo(descriptor, receiver.last, peer);
    loop.setDeadline(receiver, performance.now() + silenceMs, onSilence);
  });
}

/** Asks a boot server on port 4011; null when it stays silent. */
export function askBootServer(
  loop: LoadLoop,
  own: Ip4,
  server: Ip4,
  request: DhcpPacket,
  counters: { readonly answered: (ms: number) => void; readonly repeated: () => void },
): Promise<DhcpPacket | null> {
  return new Promise((resolve, reject) => {
    const { sockets } = loop;
    const descriptor = sockets.udp({ address: own, port: 0 }, null);
    if (typeof descriptor === "string") {
      return reject(new BootFailure(`no socket on ${own} for port 4011: ${descriptor}`));
    }
    const owner = {};
    const buffer = new Uint8Array(4096);
    let sentMs = performance.now();
    const end = (answer: DhcpPacket | null): void => {
      loop.clearDeadline(owner);
      loop.close(id);
      resolve(answer);
    };
    const receive = (): void => {
      const { length } = sockets.receiveFrom(descriptor, buffer);
      if (typeof length === "string") return;
      const packet = replyTo(request.xid, buffer.slice(0, length));
      if (packet === null) return;
      counters.answered(performance.now() - sentMs);
      end(packet);
    };
    const attempt = (count: number): void => {
      const waitMs = bootServerWaitsMs[count];
      if (waitMs === undefined) return end(null);
      if (count > 0) counters.repeated();
      sentMs = performance.now();
      const to = { address: server, port: BOOT_SERVER_PORT };
      sockets.sendTo(descriptor, encodeDhcp(request), to);
      loop.setDeadline(owner, sentMs + waitMs, () => attempt(count + 1));
    };
    const id = loop.watch(descriptor, { readable: receive, writable: () => {} }, false);
    attempt(0);
  });
}
