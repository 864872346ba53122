import { execFileSync } from "node:child_process";
import { createSign, X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { detachedSignature } from "../../src/artifacts/verify/detached-signature.ts";
import { runCommandLine } from "../../src/commands/run.ts";
import { makeCertificate, makeSigner } from "../../src/lib/certificate.ts";
import { FakeProgram } from "../support/program.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* `eim-pxe artifacts sign`, and OpenSSL as the judge of what it writes. */

const missing = reasonToSkip({ tools: ["openssl"] });
let site: ServedSite;
let config: string;
beforeAll(async () => {
  site = await ServedSite.openMirrored();
  config = site.path("eim-pxe.yaml");
});
afterAll(() => site.close());

async function sign(...words: readonly string[]) {
  const program = new FakeProgram();
  const argv = ["node", "eim-pxe", "artifacts", "sign", "--config", config, ...words];
  const code = await runCommandLine(program, argv);
  const error: unknown = program.err.read();
  return { code, out: program.written, err: error instanceof Uint8Array ? String(error) : "" };
}

const files = (): readonly string[] => {
  const generations = site.path("data/artifacts/generations");
  const [id = ""] = readdirSync(generations);
  return readdirSync(join(generations, id)).map((name) => join(generations, id, name));
};

/** What OpenSSL says of a signature beside a file; it throws where it does not hold. */
function verify(file: string, signature: string, trusted: string): string {
  const how = [
    "cms",
    "-verify",
    "-binary",
    "-inform",
    "DER",
    "-purpose",
    "any",
    "-out",
    "/dev/null",
  ];
  const what = ["-in", signature, "-content", file, "-CAfile", trusted];
  return execFileSync("openssl", [...how, ...what], { encoding: "utf8", stdio: "pipe" });
}

describe.skipIf(missing !== null)(
  `artifacts sign${missing === null ? "" : ` (${missing})`}`,
  () => {
    test("signs every file but the script, which is written anew for each machine, with a certificate that it makes", async () => {
      const [key, cert] = [site.path("code.key"), site.path("code.crt")];
      const { code, out } = await sign("--key", key, "--cert", cert, "--new", "--json");
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({
        signed: ["initramfs-x86_64.sig", "vmlinuz-x86_64.sig"].toSorted(),
      });
      expect(statSync(key).mode & 0o777).toBe(0o600);
      const kernel = files().find((file) => file.endsWith("vmlinuz-x86_64")) ?? "";
      verify(kernel, `${kernel}.sig`, cert);
      const other = site.write("other", Buffer.concat([readFileSync(kernel), Buffer.from("x")]));
      expect(() => verify(other, `${kernel}.sig`, cert)).toThrow(/Verification failure/);
      expect(readFileSync(kernel).length).toBeGreaterThan(0);
    });

    test("signs again, and leaves a key and a certificate that are there alone", async () => {
      const words = ["--key", site.path("code.key"), "--cert", site.path("code.crt")];
      const before = readFileSync(site.path("code.key"), "utf8");
      expect((await sign(...words)).code).toBe(0);
      const again = await sign(...words, "--new");
      expect(again).toMatchObject({ code: 2, err: expect.stringContaining("is there already") });
      expect(readFileSync(site.path("code.key"), "utf8")).toBe(before);
    });

    test("refuses what iPXE would not believe, and says why", async () => {
      const [tls, signer, stranger] = await Promise.all([
        makeCertificate(["a.example"], Date.now()),
        makeSigner("one", Date.now()),
        makeSigner("two", Date.now()),
      ]);
      const write = (name: string, text: string) => site.write(name, text);
      const ask = (key: string, cert: string) =>
        sign("--key", write("k.pem", key), "--cert", write("c.pem", cert));
      expect((await ask(tls.key, tls.cert)).err).toContain("must be an RSA key");
      expect((await ask(signer.key, stranger.cert)).err).toContain("is not the key of");
      const { private: key, cert } = await generate([{ name: "commonName", value: "no signer" }]);
      expect((await ask(key, cert)).err).toContain("is not for code signing");
      expect((await ask(signer.key, "nothing")).err).toContain("c.pem");
      expect((await ask("nothing", signer.cert)).err).toContain("k.pem");
      writeFileSync(site.path("none.pem"), "");
      const absent = await sign("--key", site.path("absent"), "--cert", site.path("none.pem"));
      expect(absent).toMatchObject({ code: 2, err: expect.stringContaining("absent") });
    });

    test("brings the certificates along that lead to what is trusted", async () => {
      const { key, cert } = await makeSigner("signer", Date.now());
      const { cert: above } = await makeSigner("above", Date.now());
      const [own, other] = [cert, above].map((one) =>
        Uint8Array.from(new X509Certificate(one).raw),
      );
      const content = site.write("content", "what is signed");
      const signature = createSign("sha256").update("what is signed").sign(key);
      const all = detachedSignature(
        [own ?? new Uint8Array(), other ?? new Uint8Array()],
        signature,
      );
      const file = site.write("content.sig", all);
      verify(content, file, site.write("trusted.pem", cert));
      const print = ["cms", "-cmsout", "-print", "-inform", "DER", "-in", file];
      const shown = execFileSync("openssl", print, { encoding: "utf8" });
      expect(shown.match(/subject: CN ?= ?(signer|above)/g)?.length).toBe(2);
      expect(shown).toMatch(/signedAttrs:\s+<ABSENT>/);
    });
  },
);
