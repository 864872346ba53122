import { createPrivateKey, createSign, type KeyObject, X509Certificate } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chown, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { SIGNATURE } from "../artifacts/store/generation.ts";
import { PUBLIC_MODE } from "../artifacts/store/disk.ts";
import { detachedSignature } from "../artifacts/verify/detached-signature.ts";
import { certificatesIn } from "../artifacts/verify/verify.ts";
import { readText } from "../config/load.ts";
import { makeSigner } from "../lib/certificate.ts";
import { artifactFolder } from "../daemon/content/mirror.ts";
import { replaceFile } from "../lib/atomic-file.ts";
import { fromText } from "../lib/bytes.ts";
import { ConfigError, messageOf, SyncError } from "../lib/errors.ts";
import { withArtifacts } from "./artifacts.ts";
import type { Program, ReportOptions } from "./shared/context.ts";

export interface SignOptions extends ReportOptions {
  /** The private key, PEM. */
  readonly key: string;
  /** The signer's certificate, and those that lead from it to what iPXE trusts, PEM. */
  readonly cert: string;
  /** Makes both, for a site that has none. */
  readonly makeNew: boolean;
}

interface Signer {
  readonly key: KeyObject;
  readonly certificates: readonly [Uint8Array, ...(readonly Uint8Array[])];
}

/** RFC 5280 4.2.1.12: iPXE believes no other signer of programs. */
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
/** It is written anew for each machine before it is sent, so no signature of it would fit. */
const UNSIGNED = "boot.ipxe";

/** `eim-pxe artifacts sign`: signatures beside the files of the generation that is served, for iPXE's `imgverify`. */
export async function signArtifacts(program: Program, options: SignOptions): Promise<number> {
  if (options.makeNew) await makeFiles(options);
  const signer = readSigner(options);
  return withArtifacts(program, options, async (artifacts, { config }) => {
    const { current, generations } = await artifacts.list();
    const found = generations.find(({ id }) => id === current);
    if (found === undefined) throw new SyncError("there is nothing to sign yet; run: eim-pxe sync");
    const folder = resolve(artifactFolder(config), "generations", found.id);
    const names = found.manifest.files.map(({ name }) => name).filter((name) => name !== UNSIGNED);
    const signed: string[] = [];
    for (const name of names) {
      const path = join(folder, `${name}${SIGNATURE}`);
      await replaceFile(path, await signatureOf(join(folder, name), signer), { mode: PUBLIC_MODE });
      if (program.isRoot) {
        const { uid, gid } = await stat(folder);
        await chown(path, uid, gid);
      }
      signed.push(`${name}${SIGNATURE}`);
    }
    program.out.write(
      options.json
        ? `${JSON.stringify({ generation: found.id, signed })}\n`
        : `${signed.join(", ")} of generation ${found.id}: machines fetch them at /artifacts/ beside the files.\n`,
    );
  });
}

async function signatureOf(file: string, { key, certificates }: Signer): Promise<Uint8Array> {
  const sign = createSign("sha256");
  try {
    await pipeline(createReadStream(file), sign);
  } catch (error) {
    throw new SyncError(`${file} cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return detachedSignature(certificates, sign.sign(key));
}

/** @throws ConfigError when key and certificate cannot be used, or are no code signer's */
function readSigner({ key: keyFile, cert: certFile }: SignOptions): Signer {
  const key = attempt(keyFile, () => createPrivateKey(readText(keyFile, "key")));
  const [first, ...others] = attempt(certFile, () =>
    certificatesIn(fromText(readText(certFile, "certificate"))).map(
      (one) => new X509Certificate(one),
    ),
  );
  if (first === undefined) throw wrong(certFile, "holds no certificate in PEM form");
  if (key.asymmetricKeyType !== "rsa")
    throw wrong(keyFile, "must be an RSA key: iPXE knows no other for signatures of files");
  if (!first.checkPrivateKey(key))
    throw wrong(keyFile, `is not the key of the certificate in ${certFile}`);
  // Undefined where the certificate says nothing of it.
  if (![first.keyUsage].flat().includes(CODE_SIGNING)) {
    throw wrong(
      certFile,
      "is not for code signing (extendedKeyUsage = codeSigning), and iPXE would not believe it",
    );
  }
  return { key, certificates: [first.raw, ...others.map(({ raw }) => raw)] };
}

function wrong(file: string, what: string): ConfigError {
  return new ConfigError([`${file}: ${what}`]);
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError([`${file}: cannot be read: ${messageOf(error)}`]);
  }
}

async function makeFiles({ key, cert }: SignOptions): Promise<void> {
  const there = [key, cert].filter((file) => existsSync(file));
  if (there.length > 0) {
    throw new ConfigError(
      there.map((file) => `${file}: is there already; leave --new away to sign with it`),
    );
  }
  const made = await makeSigner("eim-pxe code signing", Date.now());
  try {
    await writeFile(key, made.key, { mode: 0o600, flag: "wx" });
    await writeFile(cert, made.cert, { mode: 0o644, flag: "wx" });
  } catch (error) {
    throw new ConfigError([`${key}, ${cert}: cannot be written: ${messageOf(error)}`]);
  }
}
