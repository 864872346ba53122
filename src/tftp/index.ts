/**
 * `eim-pxe/tftp`: the serving side of TFTP without sockets, files or timers (RFC 1350, 2347, 2348,
 * 2349, 7440), to put into a server, a simulator or a test.
 *
 * - `decodePacket` and `encodePacket` turn datagrams into packets and back.
 * - `readRequestedName` makes clean file names of what clients ask for, and refuses what would leave
 *   the folder.
 * - `negotiate` answers the options of a request.
 * - `ReadTransfer` sends one file: give it packets and the time, do the effects that it returns.
 *
 * A server of one file, in full but for errors; `socket` is a `node:dgram` socket of its own for this
 * client, `datagram` the RRQ, `request` the same decoded, and `file` the bytes:
 *
 * ```ts
 * const limits = { maxBlockSize: 1468, maxWindowSize: 64 };
 * const terms = negotiate(request.options, limits, file.length);
 * const transfer = new ReadTransfer(file.length, terms, datagram.length);
 * const now = (): number => performance.now();
 *
 * function perform(effects: readonly TransferEffect[]): void {
 *   for (const effect of effects) {
 *     if (effect.kind === "send") {
 *       socket.send(encodePacket(effect.packet), client.port, client.address);
 *     } else if (effect.kind === "read") {
 *       const bytes = file.subarray(effect.offset, effect.offset + effect.length);
 *       perform(transfer.blockRead(bytes, now()));
 *     } else {
 *       socket.close(); // "done" or "fail"
 *     }
 *   }
 *   // Set the one timer of this transfer to this time (null: off); then, and not earlier,
 *   // call perform(transfer.handleTimeout(now())).
 *   wakeAt(transfer.deadline());
 * }
 *
 * socket.on("message", (bytes, from) => {
 *   if (from.port !== client.port || from.address !== client.address) return; // RFC 1350 4: ERROR 5
 *   perform(transfer.receive(decodePacket(bytes), now())); // throws DecodeError
 * });
 * perform(transfer.start(now()));
 * ```
 *
 * @module
 */
export { DecodeError, InternalError } from "../lib/errors.ts";
export type { Mac } from "../lib/mac.ts";
export { type RequestedName, readRequestedName } from "./wire/file-names.ts";
export { type Negotiated, negotiate, type NegotiationLimits } from "./wire/option-negotiation.ts";
export {
  type AckPacket,
  type DataPacket,
  decodePacket,
  encodePacket,
  ErrorCode,
  type ErrorPacket,
  type OackPacket,
  type RequestPacket,
  type TftpOptions,
  type TftpPacket,
} from "./wire/packet.ts";
export { ReadTransfer } from "./transfer/read-transfer.ts";
export type { TransferEffect } from "./transfer/transfer-effect.ts";
