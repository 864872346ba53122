import { createSign, X509Certificate } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { detachedSignature } from "../../../src/artifacts/verify/detached-signature.ts";
import { makeSigner } from "../../../src/lib/certificate.ts";
import { reasonToSkip } from "../../support/tools.ts";
import { useSite } from "../boots.ts";
import { debianTools } from "../debian.ts";
import { configurationIn, fromSource } from "../eim-pxe.ts";
import type { LabNetwork } from "../network.ts";
import { run } from "../process.ts";
import { cacheFolder, labTools, type Site, type SiteOptions } from "../site.ts";
import { buildTools, verifyingIpxe, type VerifyingIpxe } from "./verifying-ipxe.ts";

/*
 * iPXE that checks signatures itself, and iPXE that cannot: `npm run test:imgverify`. No build of Debian's has the command, so one
 * is made from Debian's source package, with a code signer's certificate in it.
 */

type Signer = Pick<VerifyingIpxe, "key" | "certificate">;

/** A busy machine may need ten times what a quiet one does. */
const SAID_WITHIN_MS = 600_000;

function generationsIn(folder: string): string {
  return join(folder, "data/artifacts/generations");
}

/** Signs the first generation as soon as it is there: with `required` the server is not ready before. */
async function signFirst(network: LabNetwork, folder: string, { key, certificate }: Signer) {
  while ((await readdir(generationsIn(folder)).catch(() => [])).length === 0) await sleep(200);
  const words = ["artifacts", "sign", "--key", key, "--cert", certificate];
  await run(network.inside(...fromSource, ...words, "--config", configurationIn(folder)));
}

/** A site whose Micro-OS is signed, with the loaders of a folder; null: Debian 13's. */
function signedSite(
  imgverify: "auto" | "required",
  loaders: (() => string) | null,
  signer: (folder: string) => Promise<Signer>,
): SiteOptions {
  return {
    mode: "proxy",
    loaders: "modern",
    extend: async (network, folder) => {
      const signing = signFirst(network, folder, await signer(folder));
      return {
        settings: {
          boot: { imgverify },
          ...(loaders === null ? {} : { artifacts: { loaderDirs: [loaders()] } }),
        },
        stop: () => signing,
      };
    },
  };
}

/** The generation has its signatures. */
async function signed({ folder }: Site): Promise<readonly string[]> {
  for (;;) {
    const [id = ""] = await readdir(generationsIn(folder));
    const files = await readdir(join(generationsIn(folder), id));
    const paths = files.map((name) => join(generationsIn(folder), id, name));
    if (files.includes("initramfs-x86_64.sig") && files.includes("vmlinuz-x86_64.sig"))
      return paths;
    await sleep(200);
  }
}

async function newSigner(folder: string): Promise<Signer> {
  const made = await makeSigner("another signer", Date.now());
  const [key, certificate] = [join(folder, "code.key"), join(folder, "code.crt")];
  await writeFile(key, made.key, { mode: 0o600 });
  await writeFile(certificate, made.cert);
  return { key, certificate };
}

/** For what a boot stands still that cannot end. */
async function stalledBoot(site: Site): Promise<Readonly<Record<string, unknown>>> {
  const machine = site.newMachine("uefi");
  const off = new AbortController();
  const on = site.boot(machine, { signal: off.signal }).catch((cause: unknown) => cause);
  const { fields } = await site.server.waitForEvent("boot-stalled", machine.mac, SAID_WITHIN_MS);
  off.abort();
  await on;
  return fields;
}

function reportsOf({ server }: Site, mac: string): readonly unknown[] {
  return server.events
    .filter(({ event, fields }) => event === "beacon" && fields["mac"] === mac)
    .map(({ fields }) => fields["stage"]);
}

/** The signature of a file with another byte in its middle. */
async function signatureOfChanged(
  file: string,
  key: string,
  certificate: string,
): Promise<Uint8Array> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
  const sign = createSign("sha256").update(bytes);
  const { raw } = new X509Certificate(await readFile(certificate));
  return detachedSignature([raw], sign.sign(await readFile(key)));
}

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });
const unbuilt = reasonToSkip({ root: true, tools: [...labTools, ...buildTools] });

describe.skipIf(skipped !== null)(
  `iPXE without imgverify${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describe("with boot.imgverify: auto", () => {
      const site = useSite(signedSite("auto", null, newSigner));

      it("boots, and its timeline says that nothing was checked", async () => {
        await signed(site());
        const machine = site().newMachine("uefi");
        await site().boot(machine);
        expect(reportsOf(site(), machine.mac)).toEqual(["not-verified", "booting"]);
      });
    });

    describe("with boot.imgverify: required", () => {
      const site = useSite(signedSite("required", null, newSigner));

      it("starts nothing, and the cause is named", async () => {
        await signed(site());
        const said = await stalledBoot(site());
        expect(said).toMatchObject({ code: "loader-cannot-verify", who: "site" });
      });
    });
  },
);

describe.skipIf(unbuilt !== null)(
  `iPXE with imgverify${unbuilt === null ? "" : ` (${unbuilt})`}`,
  () => {
    let built: VerifyingIpxe;
    beforeAll(async () => {
      built = await verifyingIpxe(cacheFolder);
    });
    const loaders = () => built.loaders;

    describe("that knows the signer", () => {
      const site = useSite(signedSite("required", loaders, () => Promise.resolve(built)));

      it("starts what was signed", async () => {
        await signed(site());
        const machine = site().newMachine("uefi");
        await site().boot(machine);
        expect(reportsOf(site(), machine.mac)).toEqual(["booting"]);
      });
    });

    describe.each(["vmlinuz-x86_64", "initramfs-x86_64"])(
      "when %s is not what was signed",
      (name) => {
        const site = useSite(signedSite("auto", loaders, () => Promise.resolve(built)));

        it("starts nothing, and the file is named", async () => {
          // A changed file is not sent at all, since its SHA-256 is another one: so the signature is one of other bytes.
          const file = (await signed(site())).find((path) => path.endsWith(`/${name}`)) ?? "";
          const { key, certificate } = built;
          await writeFile(`${file}.sig`, await signatureOfChanged(file, key, certificate));
          const said = await stalledBoot(site());
          expect(said).toMatchObject({ code: "signature-refused", who: "site" });
          expect(said["cause"]).toContain(name);
        });
      },
    );

    describe("that knows another signer", () => {
      const site = useSite(signedSite("auto", loaders, newSigner));

      it("starts nothing, and that is named", async () => {
        await signed(site());
        const said = await stalledBoot(site());
        expect(["signer-unknown", "signature-refused"]).toContain(said["code"]);
        expect(said["cause"]).toContain("does not");
      });
    });
  },
);
