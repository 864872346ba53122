import { z } from "zod";

// Not strict: 0.1.0 wrote each shared file's path along.
const file = z.object({
  /** Path below the origin and below the generation's folder: `boot.ipxe`, `keys/db.der`. */
  name: z.string().refine(isArtifactName),
  /** Bytes. */
  size: z.int().nonnegative(),
  /** Lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** As the origin gave them, for the next conditional request. */
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
});

const manifest = z.strictObject({
  version: z.literal(1),
  /** Base URL that the files came from. */
  origin: z.string(),
  /** When the set was complete, ISO 8601. */
  createdAt: z.string(),
  files: z.array(file).readonly(),
});

export type ManifestFile = Readonly<z.infer<typeof file>>;
export type Manifest = Readonly<z.infer<typeof manifest>>;

/** A manifest's entry, of anything that has its fields and maybe more. */
export function manifestEntry(whole: ManifestFile): ManifestFile {
  const { name, size, sha256, etag, lastModified } = whole;
  return { name, size, sha256, etag, lastModified };
}

/** The name of the file in each generation that lists the others. */
export const MANIFEST_NAME = "manifest.json";

/**
 * Whether a name may be mirrored: a relative path of plain words, nothing hidden, nothing upwards,
 * and not the manifest's own name.
 */
export function isArtifactName(name: string): boolean {
  return (
    name.length <= 200 &&
    name !== MANIFEST_NAME &&
    /^[A-Za-z0-9_][A-Za-z0-9._+-]*(\/[A-Za-z0-9_][A-Za-z0-9._+-]*)*$/.test(name)
  );
}

export function encodeManifest(value: Manifest): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** The manifest in `text`, or null when it is damaged. */
export function parseManifest(text: string): Manifest | null {
  try {
    return manifest.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Whether two sets hold the same files with the same content, wherever and whenever they came from. */
export function sameContent(a: readonly ManifestFile[], b: readonly ManifestFile[]): boolean {
  const sums = new Map(a.map(({ name, sha256 }) => [name, sha256]));
  return a.length === b.length && b.every(({ name, sha256 }) => sums.get(name) === sha256);
}
