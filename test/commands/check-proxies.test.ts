import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { check } from "../../src/commands/check.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { FakeProgram } from "../support/program.ts";

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-check-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** What `check` says with these environment variables: its output, and its warnings. */
async function checked(artifacts: string, environment: Record<string, string>) {
  const file = join(folder, "eim-pxe.yaml");
  writeFileSync(file, `dataDir: data\nartifacts: ${artifacts}\n`);
  const program = new FakeProgram("", environment);
  await check(program, file);
  return { out: String(program.out.read() ?? ""), err: String(program.err.read() ?? "") };
}

const secure = "{ origin: https://o.example/tink-stack }";
const plain = "{ origin: http://o.example/artifacts }";

describe("field fault 23: check judges the proxies that sync would ask", () => {
  it("names each of them, without its password", async () => {
    const { out } = await checked(secure, { https_proxy: "u:p@proxy.example:912" });
    expect(out).toContain(
      "https://o.example/tink-stack is fetched through the proxy http://proxy.example:912.\n",
    );
    expect(out).not.toContain("u:p");
    const spared = { https_proxy: "socks5://h", NO_PROXY: ".example" };
    expect((await checked(secure, spared)).out).not.toContain("fetched through");
  });

  it.each([
    [secure, { HTTPS_PROXY: "socks5://h:1" }, /^the environment's https_proxy: SOCKS/],
    [secure, { ALL_PROXY: "ftp://h" }, /^the environment's all_proxy: the proxy must be a URL/],
    [plain, { http_proxy: "::" }, /^the environment's http_proxy: the proxy must be/],
    [
      "{ loaderUrls: { a.efi: { url: 'https://l/a.efi', sha256: " + "a".repeat(64) + " } } }",
      { https_proxy: "socks4://h" },
      /SOCKS/,
    ],
    ["{ ca: { url: http://c/ca.crt } }", { http_proxy: "socks4://h" }, /SOCKS/],
  ])("refuses what cannot be used: %s with %j", async (artifacts, environment, expected) => {
    await expect(checked(artifacts, environment)).rejects.toThrow(ConfigError);
    await expect(checked(artifacts, environment)).rejects.toThrow(expected);
  });

  it.each([
    [{ no_proxy: "*.example" }, /NO_PROXY: "\*\.example" spares nothing.*Write \.example in/],
    [{ no_proxy: "a.example:443" }, /Write a\.example in/],
    [{ no_proxy: "[fd00::1]" }, /Write fd00::1 in/],
    [{ no_proxy: "a, *" }, /Write \* alone in/],
    [{ HTTP_PROXY: "http://h:1" }, /HTTP_PROXY is not used in capitals/],
  ])("warns of what does nothing: %j", async (environment, expected) => {
    expect((await checked(plain, environment)).err).toMatch(expected);
  });

  it("is silent where all is well", async () => {
    const environment = { https_proxy: "h:1", no_proxy: "a.example, 10.0.0.0/8, fd00::/8,*" };
    const all = await checked(secure, { ...environment, no_proxy: "*" });
    expect(all.err).toBe("");
    const some = await checked(secure, { ...environment, no_proxy: "a.example, fd00::/8" });
    expect(some.err).toBe("");
  });
});
