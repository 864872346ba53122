import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { makeSigner } from "../../../src/lib/certificate.ts";
import { debianSource, debianSourceTools } from "../debian.ts";
import { run } from "../process.ts";

/** What building it needs: Debian's packages gcc, make, perl, liblzma-dev and dpkg-dev. */
export const buildTools = [
  ...debianSourceTools,
  "gcc",
  "make",
  "perl",
  "objcopy",
  "/usr/include/lzma.h",
] as const;

export interface VerifyingIpxe {
  /** The folder with `ipxe.efi`. */
  readonly loaders: string;
  /** The site's code signer, whom this iPXE believes and nobody else. */
  readonly key: string;
  readonly certificate: string;
}

/**
 * An iPXE for UEFI x64, built from Debian's source package, that has `imgverify` and `imgtrust` and knows the certificate of
 * one code signer. No package of Debian's has the two commands. Built once; the signer is kept beside it.
 */
export async function verifyingIpxe(cache: string): Promise<VerifyingIpxe> {
  const folder = join(cache, "ipxe-imgverify");
  const built = {
    loaders: folder,
    key: join(folder, "code.key"),
    certificate: join(folder, "code.crt"),
  };
  if (await isThere(join(folder, "ipxe.efi"))) return built;
  const source = await debianSource(cache, "ipxe", "trixie");
  const staging = await mkdtemp(join(cache, "staging-"));
  try {
    const signer = await makeSigner("eim-pxe lab code signing", Date.now());
    await writeFile(join(staging, "code.key"), signer.key, { mode: 0o600 });
    await writeFile(join(staging, "code.crt"), signer.cert);
    await run(["cp", "-a", join(source, "src"), join(staging, "src")]);
    const local = join(staging, "src/config/local");
    await mkdir(local, { recursive: true });
    const general = join(local, "general.h");
    const usual = await readFile(general, "utf8").catch(() => "");
    await writeFile(general, `${usual}\n#define IMAGE_TRUST_CMD\n`);
    const target = "bin-x86_64-efi/snponly.efi";
    // What another compiler than Debian's warns of is no fault.
    const how = [
      `-j${availableParallelism()}`,
      "NO_WERROR=1",
      `TRUST=${join(staging, "code.crt")}`,
    ];
    await run(["make", "-C", join(staging, "src"), ...how, target]);
    await copyFile(join(staging, "src", target), join(staging, "ipxe.efi"));
    await rm(join(staging, "src"), { recursive: true });
    await rename(staging, folder).catch(async (cause: unknown) => {
      if (!(await isThere(join(folder, "ipxe.efi")))) throw cause;
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return built;
}

async function isThere(file: string): Promise<boolean> {
  return readFile(file).then(
    () => true,
    () => false,
  );
}
