import { type DhcpPacket } from "../../dhcp/wire/packet.ts";
import { MessageType } from "../../dhcp/wire/message-type.ts";
import { OptionCode } from "../../dhcp/wire/option-codes.ts";
import { pxeVendorOptions } from "../../dhcp/wire/vendor-options.ts";
import { concat, fromHex, fromText, u16 } from "../../lib/bytes.ts";
import { ANY_ADDRESS, type Ip4, ip4ToBytes } from "../../lib/ip4.ts";
import { type Mac, macToBytes } from "../../lib/mac.ts";
import { uuidToBytes } from "../../dhcp/wire/machine-uuid.ts";

/** The firmware that a simulated machine speaks as. */
export type Firmware = "bios" | "uefi" | "uefi-http" | "ipxe";

export interface MachineIdentity {
  readonly mac: Mac;
  /** SMBIOS UUID in text form. */
  readonly uuid: string;
  readonly firmware: Firmware;
}

/** What each kind of firmware says of itself. Source: requests captured from SeaBIOS's iPXE ROM, OVMF and iPXE. */
const profiles = {
  bios: { architecture: 0, vendor: "PXEClient:Arch:00000:UNDI:002001", interface: [1, 2, 1] },
  uefi: { architecture: 7, vendor: "PXEClient:Arch:00007:UNDI:003001", interface: [1, 3, 1] },
  "uefi-http": {
    architecture: 16,
    vendor: "HTTPClient:Arch:00016:UNDI:003001",
    interface: [1, 3, 0],
  },
  ipxe: { architecture: 7, vendor: "PXEClient:Arch:00007:UNDI:003010", interface: [1, 3, 10] },
  "ipxe-bios": {
    architecture: 0,
    vendor: "PXEClient:Arch:00000:UNDI:002001",
    interface: [1, 2, 1],
  },
} as const;

/** iPXE's option 175 of an x86-64 EFI build: features http, tftp, dns, bzimage, menu, efi; version 1.21.1. */
const ipxeFeatures = fromHex(
  "b10501808610 10 130101 150101 170101 180101 270101 240101 eb03011501",
);

/** A DHCPDISCOVER, or with `selected` the DHCPREQUEST for that offer (RFC 2131 3.1). */
export function bootRequest(
  machine: MachineIdentity,
  xid: number,
  stage: "firmware" | "ipxe",
  selected: { readonly server: Ip4; readonly address: Ip4 } | null,
): DhcpPacket {
  const ipxe = stage === "ipxe" || machine.firmware === "ipxe";
  const loaded = machine.firmware === "bios" ? "ipxe-bios" : "ipxe";
  const profile = profiles[ipxe ? loaded : machine.firmware];
  const options = new Map<number, Uint8Array>([
    [OptionCode.MESSAGE_TYPE, Uint8Array.of(selected ? MessageType.REQUEST : MessageType.DISCOVER)],
    [OptionCode.PARAMETER_REQUEST_LIST, Uint8Array.of(1, 3, 6, 7, 12, 15, 43, 54, 60, 66, 67, 97)],
    [OptionCode.VENDOR_CLASS_IDENTIFIER, fromText(profile.vendor)],
    [OptionCode.CLIENT_SYSTEM_ARCHITECTURE, u16(profile.architecture)],
    [OptionCode.CLIENT_NETWORK_INTERFACE, Uint8Array.from(profile.interface)],
    [OptionCode.CLIENT_MACHINE_IDENTIFIER, machineId(machine.uuid)],
  ]);
  if (ipxe) {
    options.set(OptionCode.USER_CLASS, fromText("iPXE"));
    if (ipxeFeatures !== null) options.set(OptionCode.IPXE_ENCAPSULATED, ipxeFeatures);
  }
  return packet(machine.mac, xid, withSelection(options, selected));
}

/**
 * A DHCPREQUEST to a boot server on port 4011 (PXE 2.1, 2.2.4); it leases nothing.
 *
 * @param told `address`: ours, for `ciaddr`; `serverId`: iPXE names the server in option 54, EDK2 does not;
 *   `itemType`: the boot item to ask for (43.71), null to name none
 */
export function bootServerRequest(
  machine: MachineIdentity,
  xid: number,
  stage: "firmware" | "ipxe",
  told: {
    readonly address: Ip4;
    readonly serverId: Ip4 | null;
    readonly itemType: number | null;
  },
): DhcpPacket {
  const discover = bootRequest(machine, xid, stage, null);
  const options = new Map(discover.options);
  options.set(OptionCode.MESSAGE_TYPE, Uint8Array.of(MessageType.REQUEST));
  if (told.serverId !== null) {
    options.set(OptionCode.SERVER_IDENTIFIER, ip4ToBytes(told.serverId));
  }
  if (told.itemType !== null) {
    const bootItem = { type: told.itemType, layer: 0 };
    options.set(OptionCode.VENDOR_SPECIFIC, pxeVendorOptions({ bootItem }));
  }
  return { ...discover, flags: 0, ciaddr: told.address, options };
}

/** The request of an operating system's ordinary DHCP client for the offer that it selected, or its DHCPDISCOVER. */
export function systemRequest(
  mac: Mac,
  xid: number,
  selected: { readonly server: Ip4; readonly address: Ip4 } | null,
): DhcpPacket {
  const options = new Map<number, Uint8Array>([
    [OptionCode.MESSAGE_TYPE, Uint8Array.of(selected ? MessageType.REQUEST : MessageType.DISCOVER)],
    [OptionCode.PARAMETER_REQUEST_LIST, Uint8Array.of(1, 3, 6, 12, 15, 28, 42)],
    [OptionCode.CLIENT_IDENTIFIER, concat([Uint8Array.of(1), macToBytes(mac)])],
  ]);
  return packet(mac, xid, withSelection(options, selected));
}

function withSelection(
  options: Map<number, Uint8Array>,
  selected: { readonly server: Ip4; readonly address: Ip4 } | null,
): Map<number, Uint8Array> {
  if (selected === null) return options;
  return options
    .set(OptionCode.SERVER_IDENTIFIER, ip4ToBytes(selected.server))
    .set(OptionCode.REQUESTED_ADDRESS, ip4ToBytes(selected.address));
}

function packet(mac: Mac, xid: number, options: ReadonlyMap<number, Uint8Array>): DhcpPacket {
  return {
    op: 1,
    htype: 1,
    hops: 0,
    xid,
    secs: 0,
    flags: 0x8000,
    ciaddr: ANY_ADDRESS,
    yiaddr: ANY_ADDRESS,
    siaddr: ANY_ADDRESS,
    giaddr: ANY_ADDRESS,
    chaddr: macToBytes(mac),
    sname: "",
    file: "",
    options,
  };
}

/** Option 97: type 0 and the UUID (RFC 4578 2.3). */
function machineId(uuid: string): Uint8Array {
  return concat([Uint8Array.of(0), uuidToBytes(uuid)]);
}
