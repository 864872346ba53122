/**
 * DHCP for network boot, without input or output: packets to bytes and back, options as data, and
 * handlers that turn a request into effects. Nothing here opens a socket, sets a timer or reads a
 * clock, and no datagram can make it throw anything but a `DecodeError`.
 *
 * A proxy DHCP server is this, around a socket of the caller's:
 *
 * ```ts
 * const link: Link = {
 *   interface: "eth1",
 *   address: "192.168.77.1",
 *   subnet: { network: "192.168.77.0", prefixLength: 24 },
 *   mode: "proxy",
 * };
 * const policy: BootPolicy = { loaders: new Map(), userClasses: ["iPXE"], unknownNodes: "allow" };
 * socket.on("message", (bytes, { address, port }) => {
 *   const request = readRequest(decodePacket(bytes), { address, port }); // may throw DecodeError
 *   const plan = planBoot(request.client, null, policy, "http://192.168.77.1:8080");
 *   for (const effect of handleProxy(request, plan, link)) {
 *     if (effect.kind !== "send") continue;
 *     socket.send(encodePacket(effect.packet), effect.to.port, effect.to.address);
 *   }
 * });
 * ```
 */

export type { BootClient } from "../boot/client.ts";
export type { FindNode, NodeEntry, NodeRoute } from "../boot/node.ts";
export { type BootPolicy, NOT_A_BOOT_CLIENT, type Plan, planBoot } from "../boot/policy.ts";
export { DecodeError, type DecodeLayer, InternalError } from "../lib/errors.ts";
export {
  type MachineStyles,
  type OfferStyle,
  type OfferStyles,
  OfferStyleTable,
} from "../boot/offer-style.ts";
export type { Ip4, Subnet } from "../lib/ip4.ts";
export type { Mac } from "../lib/mac.ts";
export type { ClasslessRoute } from "./wire/classless-routes.ts";
export type { PxeEvent } from "../events/types.ts";

export {
  BOOTREPLY,
  BOOTREQUEST,
  BROADCAST_FLAG,
  decodePacket,
  type DhcpPacket,
  encodePacket,
  MAX_FILE_BYTES,
  MAX_SNAME_BYTES,
  type OptionOrder,
  type Reading,
} from "./wire/packet.ts";
export { MessageType } from "./wire/message-type.ts";

export { type DescribedPacket, describePacket } from "./wire/packet-json.ts";
export { OptionCode } from "./wire/option-codes.ts";
export {
  decodeOption,
  encodeOption,
  formatOption,
  optionName,
  type OptionRow,
  optionTable,
  optionType,
} from "./wire/options.ts";
export {
  type ClientIdentifier,
  type Ip4Pair,
  messageTypeName,
  type OptionType,
  type OptionValue,
} from "./wire/option-values.ts";

export {
  buildSubOptions,
  type Framing,
  type IpxeFeature,
  ipxeFeatures,
  type IpxeOptions,
  ipxeOptions,
  type PxeBootItem,
  type PxeBootServers,
  type PxeMenuItem,
  type PxeMenuPrompt,
  type PxeVendorOptions,
  pxeVendorOptions,
  readIpxeOptions,
  readPxeVendorOptions,
  readRelayInformation,
  readSubOptions,
  type RelayInformation,
  relayInformation,
  type SubOption,
} from "./wire/vendor-options.ts";

export { type DhcpRequest, readRequest, type Source } from "./message/request.ts";
export {
  type BootPlan,
  startReply,
  withBootFile,
  withBootSource,
  withBroadcastFlag,
  withClientAddress,
  withClientId,
  withMachineId97,
  withNetboot,
  withNextServer,
  withNoProxyWait,
  withOption,
  withRelayInformation,
  withServerId,
  withServerName,
  withVendorClass,
  withVendorOption43,
} from "./message/reply.ts";
export { route, routeToSource } from "./message/destination.ts";
export type { Effect } from "./handlers/effects.ts";
export type { Destination } from "./message/destination.ts";
export type { AddressRange, FixedOption, FullSettings, Link } from "./link.ts";
export { handleProxy } from "./handlers/proxy.ts";
export { handleBootServer } from "./handlers/boot-server.ts";
export { handleFull, type FullState } from "./handlers/full.ts";
export type { FullLink } from "./link.ts";
export {
  isActive,
  type Lease,
  type Leases,
  type LeaseState,
  LeaseTable,
} from "./leases/lease-table.ts";
export { type Offer, type Offers, OfferTable } from "./leases/offer-table.ts";
export { decide, type Knowledge, type Role } from "./handlers/decide.ts";
