import { copyFile, link, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { modernLoaders } from "./loaders.ts";
import type { MicroOs } from "./micro-os.ts";
import { run } from "./process.ts";
import { cacheFolder, type Extension } from "./site.ts";

/* Loaders and a kernel that are signed with the key of Debian's test certificate, which the lab's firmware with Secure Boot knows. */

const snakeoil = {
  key: "/usr/share/ovmf/PkKek-1-snakeoil.key",
  certificate: "/usr/share/ovmf/PkKek-1-snakeoil.pem",
  passPhrase: "snakeoil",
} as const;

/** What signing needs besides the lab's own. */
export const signingTools = ["sbsign", "openssl", snakeoil.key] as const;

/** The signed one among the loaders; `ipxe.efi` beside it is not. */
export const signedLoader = "ipxe-signed.efi";

/** @param changed of which one byte is changed after it was signed */
export async function signedSite(
  folder: string,
  microOs: MicroOs,
  changed: "loader" | "kernel" | null = null,
): Promise<Required<Pick<Extension, "microOs">> & { readonly loaders: string }> {
  const key = join(folder, "signer.key");
  const secret = ["-passin", `pass:${snakeoil.passPhrase}`, "-out", key];
  await run(["openssl", "rsa", "-in", snakeoil.key, ...secret]);
  const sign = (from: string, to: string) =>
    run(["sbsign", "--key", key, "--cert", snakeoil.certificate, "--output", to, from]);

  const loaders = join(folder, "loaders");
  await mkdir(loaders);
  const unsigned = join(await modernLoaders(cacheFolder), "ipxe.efi");
  await copyFile(unsigned, join(loaders, "ipxe.efi"));
  await sign(unsigned, join(loaders, signedLoader));
  if (changed === "loader") await changeByte(join(loaders, signedLoader));

  const own = join(folder, "micro-os");
  await mkdir(own);
  const kernel = join(own, basename(microOs.kernel));
  const initramfs = join(own, basename(microOs.initramfs));
  await sign(microOs.kernel, kernel);
  if (changed === "kernel") await changeByte(kernel);
  await link(microOs.initramfs, initramfs);
  return { loaders, microOs: { ...microOs, folder: own, kernel, initramfs } };
}

/** In the middle: neither in the header nor in the signature. */
async function changeByte(file: string): Promise<void> {
  const bytes = await readFile(file);
  const at = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(file, bytes);
}
