import { crc32 } from "node:zlib";
import { usualMacInUrls } from "../../../src/boot/machine-urls.ts";
import { planBoot } from "../../../src/boot/policy.ts";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import { decide, type Knowledge, type Role } from "../../../src/dhcp/handlers/decide.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { replayJournal } from "../../../src/dhcp/leases/journal-format.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { readCompetingOffer } from "../../../src/dhcp/message/competing-offer.ts";
import { addressOfferIn } from "../../../src/dhcp/message/pxe-hijack.ts";
import { machineIdOf, senderOf } from "../../../src/dhcp/server/rate-limits.ts";
import { decodeDomains, encodeDomains } from "../../../src/dhcp/wire/domain-names.ts";
import { decodeOption, encodeOption, formatOption } from "../../../src/dhcp/wire/options.ts";
import { describePacket } from "../../../src/dhcp/wire/packet-json.ts";
import { decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { readSubOptions } from "../../../src/dhcp/wire/sub-options.ts";
import { readUserClasses } from "../../../src/dhcp/wire/user-class.ts";
import {
  readIpxeOptions,
  readPxeVendorOptions,
  readRelayInformation,
} from "../../../src/dhcp/wire/vendor-options.ts";
import { equalBytes, fromText } from "../../../src/lib/bytes.ts";
import { DecodeError, InternalError } from "../../../src/lib/errors.ts";
import {
  baseUrl,
  firmware,
  firmwareRequests,
  fromNowhere,
  fullLink,
  message,
  ourAddress,
  packetWith,
  policy,
  proxyLink,
  selecting,
} from "../../support/dhcp.ts";
import { mayThrow, must, ofDatagrams, type Target } from "../target.ts";

/** No DHCP reply fills more than an Ethernet frame. */
const MOST_REPLY_BYTES = 1472;

const words = [
  "PXEClient:Arch:00007:UNDI:003001",
  "HTTPClient:Arch:00016",
  "iPXE",
  "Tinkerbell",
  "\u0035\u0001\u0001",
  "\u0035\u0001\u0003",
  "\u0034\u0001\u0003",
];

function requests(): readonly Uint8Array[] {
  const discovers = Object.values(firmware).map((options) => packetWith(message(options)));
  const takes = packetWith(selecting(firmware.operatingSystem, ourAddress, "192.168.77.120"));
  const others = [4, 7, 8].map((type) =>
    packetWith(message(firmware.operatingSystem, type), { ciaddr: "192.168.77.120" }),
  );
  const relayed = packetWith(
    { ...message(firmware.uefi), 82: Uint8Array.of(1, 2, 0, 7, 5, 4, 192, 168, 77, 0) },
    { giaddr: "192.168.77.9" },
  );
  const made = [...discovers, takes, relayed, ...others].map((packet) => encodePacket(packet));
  return [...made, ...firmwareRequests().map(({ payload }) => payload)];
}

const decoder: Target = {
  name: "dhcp-decoder",
  what: "a datagram becomes a packet, facts, words for people and bytes again",
  seeds: requests,
  words,
  ...ofDatagrams,
  open: () => ({
    run: (bytes) => {
      const sender = senderOf(bytes);
      machineIdOf(bytes);
      for (const reading of ["liberal", "strict"] as const) {
        mayThrow([DecodeError], () => {
          const packet = decodePacket(bytes, reading);
          must(sender !== null || packet.chaddr.length === 0, "whoever is decoded is limited");
          readRequest(packet, fromNowhere);
          describePacket(packet);
          readCompetingOffer(packet, ourAddress);
          addressOfferIn(packet);
          // What fills its field without an end is read, and nobody sends it again.
          if (packet.sname.length > 63 || packet.file.length > 127) return;
          const again = encodePacket(packet);
          must(equalBytes(encodePacket(decodePacket(again)), again), "encoding is stable");
        });
      }
    },
  }),
};

/** Decides about requests, with what earlier ones left, and encodes every reply. */
function handler(name: string, link: Link, role: Role, smee: Knowledge["smee"] = null): Target {
  return {
    name,
    what: `a request is decided about: ${role}, mode ${link.mode}${smee === null ? "" : `, as ${smee.flavour}`}`,
    seeds: requests,
    words,
    ...ofDatagrams,
    open: () => {
      let [leases, offers, styles] = [
        new LeaseTable(4096),
        new OfferTable(),
        new OfferStyleTable(),
      ];
      let nowMs = 1_800_000_000_000;
      let asked = 0;
      return {
        run: (bytes) => {
          asked += 1;
          // What an input does is to depend on few others.
          if (asked % 500 === 0) {
            [leases, offers, styles] = [
              new LeaseTable(4096),
              new OfferTable(),
              new OfferStyleTable(),
            ];
          }
          nowMs += 700;
          mayThrow([DecodeError], () => {
            const packet = decodePacket(bytes, smee === null ? "liberal" : "strict");
            const request = readRequest(packet, fromNowhere);
            const effects = decide(
              request,
              link,
              role,
              {
                plan: (client, node) => planBoot(client, node, policy, baseUrl),
                findNode: () => null,
                reservedFor: () => null,
                leases,
                offers,
                offerStyles: styles,
                smee,
              },
              nowMs,
            );
            for (const effect of effects) {
              if (effect.kind === "record") leases.put(effect.lease, nowMs);
              else if (effect.kind === "offer") offers.put(effect.offer, nowMs);
              else if (effect.kind === "remember") styles.put(effect.machine);
              else if (effect.kind === "send") {
                const reply = encodePacket(effect.packet, smee === null ? "type-first" : "by-code");
                must(
                  smee !== null || reply.length <= Math.max(MOST_REPLY_BYTES, bytes.length),
                  "a reply fits into a frame",
                );
                must(effect.packet.xid === packet.xid, "a reply has the request's xid");
                must(effect.to.port > 0, "a reply has a port to go to");
              }
            }
          });
        },
      };
    },
  };
}

const smeeSettings = (flavour: "smee" | "smee-standalone"): NonNullable<Knowledge["smee"]> => ({
  flavour,
  loaders: new Map(),
  unknownNodes: "allow",
  trace: null,
  tftpPort: 69,
  httpPort: 8080,
  macInUrls: usualMacInUrls,
  scriptUrl: null,
});

const options: Target = {
  name: "dhcp-options",
  what: "option values and their sub-options, decoded, encoded and put into words",
  seeds: () => [
    ...requests().map((bytes) => bytes.subarray(242)),
    Uint8Array.of(119, 3, 97, 98, 99, 0, 192, 0),
    Uint8Array.of(121, 24, 10, 0, 0, 192, 168, 77, 1),
    // A long name, and then that again and again.
    Uint8Array.of(119, ...Array.from({ length: 126 }, () => [1, 97]).flat(), 0, 192, 0, 192, 0),
    Uint8Array.of(43, 6, 1, 8, 9, 3, 0, 0, 0, 255),
  ],
  mostBytes: 600,
  ...ofDatagrams,
  open: () => ({
    run: (bytes) => {
      const [code = 0] = bytes;
      const value = bytes.subarray(1);
      formatOption(code, value);
      // What a client sends need not be what a configuration may say.
      mayThrow([DecodeError, InternalError], () => {
        const decoded = decodeOption(code, value);
        encodeOption(code, decoded);
      });
      mayThrow([DecodeError, InternalError], () => {
        const names = decodeDomains(value);
        if (names.length > 0) decodeDomains(encodeDomains(names));
      });
      for (const read of [readPxeVendorOptions, readRelayInformation, readIpxeOptions]) {
        mayThrow([DecodeError], () => void read(value));
      }
      mayThrow([DecodeError], () => void readSubOptions(value, "vendor"));
      readUserClasses(value);
    },
  }),
};

const journalLease = JSON.stringify({
  mac: "52:54:00:00:00:0a",
  address: "192.168.77.100",
  network: "192.168.77.0/24",
  state: "bound",
  expiresAtMs: 1_800_000_003_600,
  startedAtMs: 1_800_000_000_000,
  hostname: null,
  clientId: null,
  writtenAtMs: 1_800_000_000_000,
});
const journalClock = JSON.stringify({ bootId: "b", upMs: 1, wallMs: 1_800_000_000_000 });

/** Each line with the checksum that it needs to be read at all. */
function sealed(bytes: Uint8Array): Uint8Array {
  const lines = new TextDecoder().decode(bytes).split("\n");
  const whole = lines.map((line) => {
    const what = line.includes("bootId") ? "clock" : "lease";
    return `{"crc":"${crc32(line).toString(16).padStart(8, "0")}","${what}":${line}}\n`;
  });
  return fromText(whole.join(""));
}

const journal: Target = {
  name: "dhcp-journal",
  what: "a lease journal after a power loss, or after somebody edited it",
  seeds: () => [
    fromText(`${journalLease}\n${journalClock}\n${journalLease}`),
    sealed(fromText(journalLease)),
  ],
  words: ['"bound"', '"released"', "null", "192.168.77.100", "-1", "1e308", '"bootId":', "}\n{"],
  open: () => ({
    run: (bytes) => {
      replayJournal(bytes);
      const { leases } = replayJournal(sealed(bytes), { bootId: "b", upMs: 5, wallMs: 6 });
      const table = new LeaseTable();
      for (const lease of leases) table.restore(lease);
    },
  }),
};

export const dhcpTargets: readonly Target[] = [
  decoder,
  options,
  handler("dhcp-proxy", proxyLink, "server"),
  handler("dhcp-full", fullLink, "server"),
  handler("dhcp-boot-server", proxyLink, "boot-server"),
  handler("dhcp-smee", fullLink, "server", smeeSettings("smee")),
  handler("dhcp-smee-standalone", proxyLink, "server", smeeSettings("smee-standalone")),
  journal,
];
