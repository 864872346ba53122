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

/**
 * For each loader the one that a machine can be given in its place. Never an unsigned one for a signed one, which
 * Secure Boot would refuse, and none for another processor.
 */
export function siblingsOf(loaders: readonly IdentifiedLoader[]): ReadonlyMap<string, string> {
  const byName = new Map(loaders.map((loader) => [loader.name, loader]));
  const siblings = new Map<string, string>();
  for (const [name, others] of otherKinds) {
    const loader = byName.get(name);
    if (loader === undefined) continue;
    const sibling = others.find((other) => {
      const facts = byName.get(other)?.facts;
      return (
        facts !== undefined &&
        facts.format === loader.facts.format &&
        facts.machine === loader.facts.machine &&
        (facts.signed || !loader.facts.signed)
      );
    });
    if (sibling !== undefined) siblings.set(name, sibling);
  }
  return siblings;
}
