/** The media type of a boot file. UEFI HTTP boot goes by it, and only then by the suffix. */
export function contentTypeOf(name: string): string {
  if (name.toLowerCase().endsWith(".efi")) return "application/efi";
  if (name.endsWith(".ipxe")) return "text/plain; charset=utf-8";
  return "application/octet-stream";
}
