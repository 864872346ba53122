import { describe, expect, it } from "vitest";
import { planBoot } from "../../src/boot/policy.ts";
import type { Link } from "../../src/dhcp/link.ts";
import { decodePacket, type DhcpPacket, MessageType } from "../../src/dhcp/packet.ts";
import { handleProxy } from "../../src/dhcp/proxy.ts";
import { startReply, withNetboot, withServerId } from "../../src/dhcp/reply.ts";
import { type DhcpRequest, readRequest } from "../../src/dhcp/request.ts";
import { concat, fromHex, toText } from "../../src/lib/bytes.ts";
import { fullLink, policy, proxyLink, sent } from "../support/dhcp.ts";
import { type SmeeVector, smeeVectors, vectorAddress } from "../support/smee-vectors.ts";

interface Case {
  readonly id: string;
  readonly name: string;
  readonly source: string;
  readonly request: string;
  readonly proxy: SmeeVector["reply"];
  readonly reservation: SmeeVector["reply"];
}

/** What the current SMEE answers to a machine whose record has no surprises, in two of its modes. */
const plainRecords = smeeVectors.filter(
  ({ flavour, hardware }) => flavour === "smee" && ["full", "rpi"].includes(hardware),
);
const vectors: readonly Case[] = plainRecords
  .filter(({ mode }) => mode === "proxy")
  .map(({ id, name, source, request, reply: proxy }) => {
    const reserved = plainRecords.find((one) => one.id === id && one.mode === "reservation");
    return { id, name, source, request, proxy, reservation: reserved?.reply ?? null };
  });
const address = vectorAddress;
const links: { readonly [Mode in Link["mode"]]: Link } = {
  proxy: { ...proxyLink, address },
  full: { ...fullLink, address },
};

function requestOf({ request, source }: Case): DhcpRequest {
  const [from = "", port = ""] = source.split(":");
  return readRequest(packetOf(request), { address: from, port: Number(port) });
}

function packetOf(hex: string): DhcpPacket {
  return decodePacket(fromHex(hex) ?? new Uint8Array());
}

function planFor(request: DhcpRequest) {
  return planBoot(request.client, null, policy, `http://${address}:8080`);
}

/** Where ours names a URL of its own: difference 1 for scripts, our URL layout for loaders by HTTP. */
function expectedFile(request: DhcpRequest, smee: DhcpPacket): string {
  const { mac, client } = request;
  if (client.userClasses.length > 0) return `http://${address}:8080/${mac}/boot.ipxe`;
  if (client.transport === "http") return `http://${address}:8080/${mac}/ipxe.efi`;
  return smee.file;
}

/** Difference 2: option 43 without the all-zero trace (69), and with End. */
function expected43(smee: DhcpPacket): Uint8Array {
  const theirs = smee.options.get(43) ?? new Uint8Array();
  const trace = theirs.length - 28;
  const traced = theirs[trace] === 69 && theirs[trace + 1] === 26;
  return concat([traced ? theirs.subarray(0, trace) : theirs, Uint8Array.of(255)]);
}

const answered = vectors.filter(({ proxy }) => proxy !== null);
const selectsNobody = answered.filter((vector) => {
  const { messageType, serverId } = requestOf(vector);
  return messageType === MessageType.REQUEST && serverId === null;
});

describe("our proxy beside SMEE's", () => {
  it.each(answered.filter((vector) => !selectsNobody.includes(vector)))(
    "means the same for $id: $name",
    (vector) => {
      const request = requestOf(vector);
      const smee = packetOf(vector.proxy?.hex ?? "");
      const [send, ...rest] = sent(handleProxy(request, planFor(request), links.proxy));
      expect(rest).toEqual([]);
      expect(`${send?.to.address}:${send?.to.port}`).toBe(vector.proxy?.destination);
      const ours = send?.packet;
      const boots = expectedFile(request, smee);
      const options = new Map(smee.options);
      if (request.client.transport === "http") options.delete(43);
      else options.set(43, expected43(smee));
      options.set(66, Buffer.from(address)).set(67, Buffer.from(`${boots}\0`));
      const relayed = smee.giaddr !== "0.0.0.0";
      const flags = relayed ? smee.flags : smee.flags | 0x8000;
      expect({ ...ours, options: plain(ours?.options) }).toEqual({
        ...smee,
        flags,
        file: boots,
        options: plain(options),
      });
    },
  );

  it.each(selectsNobody)("does not acknowledge $id: $name, which names no server", (vector) => {
    const request = requestOf(vector);
    expect(sent(handleProxy(request, planFor(request), links.proxy))).toEqual([]);
  });

  it.each(vectors.filter(({ proxy }) => proxy === null))(
    "keeps silent as well for $id: $name",
    (vector) => {
      const request = requestOf(vector);
      expect(sent(handleProxy(request, planFor(request), links.proxy))).toEqual([]);
    },
  );
});

describe("mode full's boot information beside SMEE's reservations", () => {
  it.each(vectors.filter(({ reservation }) => reservation !== null))(
    "means the same for $id: $name",
    (vector) => {
      const request = requestOf(vector);
      const smee = packetOf(vector.reservation?.hex ?? "");
      const type = smee.options.get(53)?.[0] ?? 0;
      const start = withServerId(startReply(request, type), address);
      const ours = withNetboot(start, request, planFor(request), links.full);
      const unknown = smee.file === "/netboot-not-allowed";
      expect(ours).toMatchObject({
        siaddr: smee.siaddr,
        sname: smee.sname,
        // Difference 9: an unknown architecture gets no boot file.
        file: unknown ? "" : expectedFile(request, smee),
      });
      const boots = ours.options.get(67);
      expect(boots === undefined ? "" : toText(boots)).toBe(ours.file);
      for (const code of [53, 54, 60, 61, 82]) {
        expect([code, ours.options.get(code)]).toEqual([code, smee.options.get(code)]);
      }
      const discovers = smee.options.has(43) && request.client.transport === "pxe";
      expect(ours.options.get(43)).toEqual(discovers ? expected43(smee) : undefined);
    },
  );
});

function plain(options: ReadonlyMap<number, Uint8Array> | undefined): readonly string[] {
  const lines = Array.from(options ?? [], ([code, value]) => `${code}: ${value.join(" ")}`);
  return lines.toSorted();
}
