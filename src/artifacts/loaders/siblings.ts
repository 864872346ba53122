import { isShim, secondStagesOf } from "../../boot/architecture.ts";
import type { Siblings } from "../../boot/loader-choice.ts";
import type { IdentifiedLoader } from "./loader-store.ts";

/**
 * iPXE is built in two kinds: with drivers of its own, and with those of the firmware (SNP, UNDI). Where the one
 * does not run, the other may. Each name with those of the other kind, the best first.
 */
const otherKinds: ReadonlyMap<string, readonly string[]> = new Map([
  ["ipxe.efi", ["snponly.efi", "snp-x86_64.efi"]],
  ["ipxe-amd64.efi", ["snponly.efi", "snp-x86_64.efi"]],
  ["snponly.efi", ["ipxe.efi", "ipxe-amd64.efi"]],
  ["snp-x86_64.efi", ["ipxe.efi", "ipxe-amd64.efi"]],
  ["ipxe-arm64.efi", ["snponly-arm64.efi", "snp-arm64.efi"]],
  ["snponly-arm64.efi", ["ipxe-arm64.efi"]],
  ["snp-arm64.efi", ["ipxe-arm64.efi"]],
  ["undionly.kpxe", ["ipxe.kpxe", "ipxe.pxe"]],
  ["ipxe.kpxe", ["undionly.kpxe"]],
  ["ipxe.pxe", ["undionly.kpxe"]],
]);

/** It goes its own way to the cloud: better than a machine that does not boot. */
const lastResort = "signed_ipxe.efi";

type ByName = ReadonlyMap<string, IdentifiedLoader>;

/**
 * For each loader those that a machine can be given in its place, the best first: signed ones, where Secure Boot may have refused it,
 * then the one of the other kind. Never an unsigned one for a signed one, and none for another processor.
 *
 * @param signedToo `boot.secureBoot: auto`
 */
export function siblingsOf(loaders: readonly IdentifiedLoader[], signedToo: boolean): Siblings {
  const byName: ByName = new Map(loaders.map((loader) => [loader.name, loader]));
  const siblings = new Map<string, readonly string[]>();
  for (const loader of loaders) {
    const signed = signedToo ? signedFor(loader, byName) : [];
    const found = [...new Set([...signed, ...ofOtherKind(loader, byName)])];
    if (found.length > 0) siblings.set(loader.name, found);
  }
  return siblings;
}

/** One, or none. */
function ofOtherKind(loader: IdentifiedLoader, byName: ByName): readonly string[] {
  const others = otherKinds.get(loader.name) ?? [];
  const sibling = others.find((name) => {
    const other = byName.get(name);
    return (
      other !== undefined &&
      runsAlike(loader, other) &&
      (other.facts.signed || !loader.facts.signed)
    );
  });
  return sibling === undefined ? [] : [sibling];
}

/** A shim, which the firmware's maker signed; then iPXE, signed by whomever. */
function signedFor(loader: IdentifiedLoader, byName: ByName): readonly string[] {
  if (loader.facts.format !== "efi") return [];
  const signed = [...byName.values()].filter(
    (other) => other.name !== loader.name && other.facts.signed && runsAlike(loader, other),
  );
  const shims = signed.filter(({ name }) => isShim(name) && startsSigned(name, byName));
  const ipxe = signed.filter(({ name, facts }) => !isShim(name) && facts.ipxeVersion !== null);
  const names = [...shims, ...ipxe].map(({ name }) => name);
  return [
    ...names.filter((name) => name !== lastResort),
    ...names.filter((name) => name === lastResort),
  ];
}

/** A shim starts nothing but what is signed, too. */
function startsSigned(shim: string, byName: ByName): boolean {
  const second = secondStagesOf(shim).find((name) => byName.has(name));
  return second !== undefined && byName.get(second)?.facts.signed === true;
}

function runsAlike({ facts }: IdentifiedLoader, other: IdentifiedLoader): boolean {
  return other.facts.format === facts.format && other.facts.machine === facts.machine;
}
