import type { BootSource } from "../wire/boot-source.ts";
import { addressOfferIn, unbeatableServer } from "../../dhcp/message/pxe-hijack.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Firmware } from "../wire/dhcp-requests.ts";
import { type Offer, offersBoot } from "../wire/offers.ts";

/*
 * What firmware makes of the offers that it was sent. Rules of EDK2 (NetworkPkg/UefiPxeBcDxe, HttpBootDxe)
 * for UEFI, the same for BIOS ROMs (both follow PXE 2.1), and of iPXE (src/net/udp/dhcp.c). They are
 * tested with what real firmware was seen to do.
 */

/** Why firmware does nothing with what it was offered. */
export type Nothing =
  | { readonly why: "no-answer" }
  /** Boot information, and nobody who gives out an address. */
  | { readonly why: "no-address"; readonly servers: readonly Ip4[] }
  /** An address, and nobody who says what to boot. */
  | { readonly why: "no-boot-information"; readonly servers: readonly Ip4[] }
  /** Boot information in a form that this firmware passes over. */
  | { readonly why: "unusable"; readonly server: Ip4; readonly fault: string };

export type Choice =
  | { readonly kind: "load"; readonly offer: Offer; readonly source: BootSource }
  | {
      /** Ask a boot server on port 4011 first. */
      readonly kind: "ask";
      readonly offer: Offer;
      readonly server: Ip4;
      /** The boot item (43.71) to ask for; null to name none. */
      readonly itemType: number | null;
      /** This server keeps firmware from looking at any proxy. */
      readonly unbeatable: boolean;
    }
  | { readonly kind: "nothing"; readonly reason: Nothing };

/** What a machine with this firmware does with these offers, which are in the order of their arrival. */
export function chooseBoot(firmware: Firmware, offers: readonly Offer[]): Choice {
  switch (firmware) {
    case "ipxe":
      return ipxeChoice(offers);
    case "uefi-http":
      return httpChoice(offers);
    case "bios":
    case "uefi":
      return pxeChoice(offers);
  }
}

function pxeChoice(all: readonly Offer[]): Choice {
  // EDK2 passes over offers without option 54, and over proxies' without `PXEClient`.
  const offers = all.filter((one) => one.serverId !== null);
  const mains = offers.filter((one) => one.address !== null);
  const proxies = offers.filter((one) => one.address === null && one.vendorClass === "PXEClient");
  const plain = mains.filter((one) => one.vendorClass !== "PXEClient");
  const pxeMains = mains.filter((one) => one.vendorClass === "PXEClient");
  if (mains.length === 0) return nothing(all, pxeFault);

  const mainWithMenu = pxeMains.find((one) => one.pxe !== null);
  if (mainWithMenu !== undefined) return follow(mainWithMenu);
  const proxyWithMenu = proxies.find((one) => one.pxe !== null);
  if (plain.length > 0 && proxyWithMenu !== undefined) return follow(proxyWithMenu);
  const [mainToAsk] = pxeMains;
  if (mainToAsk !== undefined) {
    const unbeatable =
      unbeatableServer(mains.flatMap(({ packet }) => addressOfferIn(packet) ?? [])) !== null;
    return ask(mainToAsk, mainToAsk.nextServer ?? mainToAsk.server, null, unbeatable);
  }
  const [proxyToAsk] = proxies;
  if (proxyToAsk !== undefined) return ask(proxyToAsk, proxyToAsk.nextServer ?? proxyToAsk.server);
  const withFile = plain.find((one) => one.bootFile !== null);
  return withFile === undefined ? nothing(all, pxeFault) : byTftp(withFile, null);
}

/** PXE 2.1, 3.1: with bit 3 of 43.6, without a menu, or with "bootstrap" first in it, the offer's own file. */
function follow(offer: Offer): Choice {
  const { discoveryControl, bootServers = [], bootMenu = [] } = offer.pxe ?? {};
  const firstType = bootMenu[0]?.type ?? 0;
  const justLoad = ((discoveryControl ?? 0) & 8) !== 0 || firstType === 0;
  const listed = bootServers.find(({ type }) => justLoad || type === firstType)?.addresses[0];
  if (justLoad && offer.bootFile !== null) return byTftp(offer, listed ?? null);
  const server = listed ?? offer.nextServer ?? offer.server;
  return ask(offer, server, firstType === 0 ? null : firstType);
}

function httpChoice(all: readonly Offer[]): Choice {
  const usable = all.filter(
    (one) => one.serverId !== null && one.vendorClass === "HTTPClient" && isUrl(one.bootFile),
  );
  const hasAddress = all.some((one) => one.address !== null && one.serverId !== null);
  const [offer] = usable;
  if (!hasAddress || offer === undefined) return nothing(all, httpFault);
  return { kind: "load", offer, source: { kind: "http", url: offer.bootFile ?? "" } };
}

function ipxeChoice(all: readonly Offer[]): Choice {
  // With equal priority iPXE keeps the offer that came last, of each kind.
  const main = all.findLast((one) => one.address !== null);
  if (main === undefined) return nothing(all, ipxeFault);
  const pxe = main.noProxy ? undefined : all.findLast((one) => one.vendorClass === "PXEClient");
  if (pxe !== undefined) {
    const firstType = pxe.pxe?.bootMenu[0]?.type ?? 0;
    if (firstType !== 0) return follow(pxe);
    if (pxe.bootFile !== null && pxe.nextServer !== null) return load(pxe);
    return ask(pxe, pxe.server, null, pxe.address !== null && pxe.pxe === null);
  }
  if (main.bootFile !== null) return load(main);
  return nothing(all, ipxeFault);
}

/** iPXE asks no further once it has an address and a PXE offer, or an offer says that there is none to wait for. */
export function ipxeHasDecided(offers: readonly Offer[]): boolean {
  const main = offers.findLast((one) => one.address !== null);
  if (main === undefined) return false;
  return main.noProxy || offers.some((one) => one.vendorClass === "PXEClient");
}

/** iPXE takes URLs wherever a name may be; firmware's PXE takes everything for a name. */
function load(offer: Offer): Choice {
  const file = offer.bootFile ?? "";
  if (isUrl(file)) return { kind: "load", offer, source: { kind: "http", url: file } };
  const tftp = /^tftp:\/\/([^/:]+)\/(.*)$/i.exec(file);
  if (tftp?.[1] === undefined) return byTftp(offer, null);
  const source = { kind: "tftp", server: tftp[1], file: tftp[2] ?? "" } as const;
  return { kind: "load", offer, source };
}

function byTftp(offer: Offer, listed: Ip4 | null): Choice {
  const server = listed ?? offer.nextServer ?? offer.server;
  return { kind: "load", offer, source: { kind: "tftp", server, file: offer.bootFile ?? "" } };
}

/** What a boot server on port 4011 said to boot; null when its answer names no file. */
export function chooseFromAnswer(firmware: Firmware, answer: Offer): Choice | null {
  if (answer.bootFile === null) return null;
  return firmware === "ipxe" ? load(answer) : byTftp(answer, null);
}

function ask(
  offer: Offer,
  server: Ip4,
  itemType: number | null = null,
  unbeatable = false,
): Choice {
  return { kind: "ask", offer, server, itemType, unbeatable };
}

function nothing(all: readonly Offer[], faultOf: (offer: Offer) => string | null): Choice {
  const booting = all.filter(offersBoot);
  for (const offer of booting) {
    const fault = faultOf(offer);
    if (fault === null) continue;
    const reason = { why: "unusable", server: offer.server, fault } as const;
    return { kind: "nothing", reason };
  }
  const servers = [...new Set(all.map(({ server }) => server))];
  if (all.length === 0) return { kind: "nothing", reason: { why: "no-answer" } };
  const addressed = all.some((one) => one.address !== null);
  const why = addressed ? "no-boot-information" : "no-address";
  return { kind: "nothing", reason: { why, servers } };
}

function pxeFault(offer: Offer): string | null {
  if (offer.serverId === null) return "it lacks option 54 (server identifier)";
  if (offer.vendorClass === "HTTPClient")
    return "it is for UEFI HTTP boot: option 60 is HTTPClient";
  if (offer.address === null && offer.vendorClass === null) {
    return "it offers no address and lacks option 60 PXEClient";
  }
  return null;
}

function httpFault(offer: Offer): string | null {
  if (offer.serverId === null) return "it lacks option 54 (server identifier)";
  if (offer.vendorClass === "PXEClient") return "it is for PXE: option 60 is PXEClient";
  if (offer.vendorClass === null) return "it lacks option 60 HTTPClient";
  return isUrl(offer.bootFile) ? null : "its boot file is not an HTTP URL";
}

function ipxeFault(offer: Offer): string | null {
  if (offer.address !== null || offer.vendorClass === "PXEClient") return null;
  return "it offers no address and lacks option 60 PXEClient";
}

function isUrl(name: string | null): boolean {
  return name !== null && /^https?:\/\//i.test(name);
}
