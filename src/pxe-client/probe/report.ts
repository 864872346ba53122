import type { Ip4 } from "../../lib/ip4.ts";
import type { Choice } from "./boot-choice.ts";
import type { BootSource } from "../wire/boot-source.ts";
import type { Offer } from "../wire/offers.ts";

/** A server's offer, for people and other programs. */
export interface ServerHeard {
  /** The stage that it answered: the firmware's request or iPXE's. */
  readonly stage: "firmware" | "ipxe";
  readonly server: Ip4;
  /** The address that it offers; null for a proxy. */
  readonly offersAddress: Ip4 | null;
  /** The boot file's name or URL; null when it names none. */
  readonly bootFile: string | null;
  readonly nextServer: Ip4 | null;
  /** Option 60 of its offer. */
  readonly vendorClass: "PXEClient" | "HTTPClient" | null;
  /** 43.6, discovery control. */
  readonly discoveryControl: number | null;
}

export function describeServer(stage: ServerHeard["stage"], offer: Offer): ServerHeard {
  return {
    stage,
    server: offer.server,
    offersAddress: offer.address,
    bootFile: offer.bootFile,
    nextServer: offer.nextServer,
    vendorClass: offer.vendorClass,
    discoveryControl: offer.pxe?.discoveryControl ?? null,
  };
}

/** One line about a server: what it offers. */
export function serverLine(heard: ServerHeard): string {
  const { offersAddress, bootFile, nextServer, vendorClass } = heard;
  const address = offersAddress === null ? "no address (a proxy)" : `address ${offersAddress}`;
  const from = nextServer === null ? "" : ` from ${nextServer}`;
  const boot = bootFile === null ? "no boot file" : `boot file ${bootFile}${from}`;
  const typed = vendorClass === null ? "" : `, option 60 ${vendorClass}`;
  return `${heard.server}: ${address}, ${boot}${typed}`;
}

export function describeChoice(choice: Choice): string {
  switch (choice.kind) {
    case "load":
      return `${choice.offer.server} says: ${locationOf(choice.source)}`;
    case "ask":
      return `${choice.offer.server} says: ask the boot server ${choice.server} on port 4011`;
    case "nothing":
      return nothingWords[choice.reason.why];
  }
}

const nothingWords = {
  "no-answer": "no server answered",
  "no-address": "no server offers an address",
  "no-boot-information": "no server offers anything to boot",
  unusable: "the firmware passes over what is offered",
} as const;

/** Where a file comes from, as a URL. */
export function locationOf(source: BootSource): string {
  if (source.kind === "http") return source.url;
  return `tftp://${source.server}/${source.file.replace(/^\/+/, "")}`;
}
