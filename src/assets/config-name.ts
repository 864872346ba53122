import { parseUuid } from "../boot/identity/uuid.ts";
import { type Ip4, ip4ToBytes } from "../lib/ip4.ts";
import { toHex } from "../lib/bytes.ts";
import { type Mac, parseMac } from "../lib/mac.ts";

/* The names by which boot programs look for their configuration, from their machine's own to everybody's. */

/** How it is written: PXELINUX and U-Boot understand one syntax. */
export type ConfigSyntax = "pxelinux" | "grub";

/** Whose configuration a name is. */
export type ConfigOf =
  | { readonly kind: "uuid"; readonly uuid: string }
  | { readonly kind: "mac"; readonly mac: Mac }
  /** The machine with this address: eight hex digits. */
  | { readonly kind: "address"; readonly hex: string }
  /** Many addresses that begin so; or machines of one kind. */
  | { readonly kind: "some"; readonly hex: string }
  | { readonly kind: "everybody" };

export interface ConfigName {
  readonly syntax: ConfigSyntax;
  readonly of: ConfigOf;
  /** Everything before the part that names the machine. */
  readonly stem: string;
  /** The name that is tried last. */
  readonly last: string;
}

const pxelinux = /^(.*(?:^|\/)pxelinux\.cfg\/)([^/]+)$/i;
const grub = /^(.*(?:^|\/)grub\.cfg)(?:-([^/]+))?$/i;
const extlinux = /^(?:.*\/)?extlinux\/extlinux\.conf$/i;

/**
 * What a name asks for; null: it is no configuration's. Sources: PXELINUX 6.04 (core/fs/pxe/pxe.c), U-Boot 2024.01
 * (cmd/pxe.c), GRUB 2.12 (grub-core/net/net.c): by UUID, by ARP type and hardware address, by the IPv4 address in
 * hex, each time one digit shorter, and last one for all.
 */
export function readConfigName(path: string): ConfigName | null {
  if (extlinux.test(path)) {
    return { syntax: "pxelinux", of: { kind: "everybody" }, stem: path, last: path };
  }
  const ofPxelinux = pxelinux.exec(path);
  if (ofPxelinux !== null) {
    const [, stem = "", name = ""] = ofPxelinux;
    const of = name.toLowerCase() === "default" ? ({ kind: "everybody" } as const) : whose(name);
    return of === null ? null : { syntax: "pxelinux", of, stem, last: `${stem}default` };
  }
  const ofGrub = grub.exec(path);
  if (ofGrub === null) return null;
  const [, last = "", name] = ofGrub;
  const of = name === undefined ? ({ kind: "everybody" } as const) : whose(name);
  return of === null ? null : { syntax: "grub", of, stem: `${last}-`, last };
}

function whose(name: string): ConfigOf | null {
  const mac = name.startsWith("01-") ? parseMac(name.slice(3)) : null;
  if (mac !== null) return { kind: "mac", mac };
  const uuid = parseUuid(name);
  if (uuid !== null) return { kind: "uuid", uuid };
  if (/^[0-9a-f]{8}$/i.test(name)) return { kind: "address", hex: name.toUpperCase() };
  return /^([0-9a-f]{1,7}|default-.+)$/i.test(name) ? { kind: "some", hex: name } : null;
}

/** What is known of the machine that asks. */
export interface AskingMachine {
  readonly mac: Mac | null;
  readonly uuid: string | null;
  readonly address: Ip4 | null;
}

/** The names that its boot program goes on to where this one is not there. */
export function laterNames(
  { of, stem, last }: ConfigName,
  { mac, address }: AskingMachine,
): { readonly own: readonly string[]; readonly common: readonly string[] } {
  // Debian's GRUB looks in the folder of its modules first (its grub.cfg inside the image).
  const above = /^(.*\/)?(?:x86_64|i386|arm64|arm|riscv64|loongarch64)-efi\/grub\.cfg$/i.exec(last);
  const finals = above === null ? [last] : [last, `${above[1] ?? ""}grub.cfg`];
  if (of.kind === "everybody") return { own: [], common: finals.slice(1) };
  const isAfterMac = of.kind === "address" || of.kind === "some";
  const own = of.kind !== "uuid" || mac === null ? [] : [`${stem}01-${mac.replaceAll(":", "-")}`];
  const hex = address === null ? "" : toHex(ip4ToBytes(address)).toUpperCase();
  const digits = of.kind === "some" ? of.hex.length - 1 : of.kind === "address" ? 7 : 8;
  const byAddress = Array.from({ length: Math.max(0, Math.min(digits, hex.length)) }, (_, at) =>
    hex.slice(0, digits - at),
  );
  const [exact, ...shorter] = byAddress.map((text) => `${stem}${text}`);
  const isExact = exact !== undefined && !isAfterMac;
  return {
    own: isExact ? [...own, exact] : own,
    common: [...(isExact || exact === undefined ? [] : [exact]), ...shorter, ...finals],
  };
}
