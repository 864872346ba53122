import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askJson } from "../../src/daemon/state/ask-json.ts";
import { readServerCertificate } from "../../src/daemon/settings/tls-files.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import type { Certificate } from "../../src/lib/certificate.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { certify } from "../support/certificates.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

let folder: string;
let files: ServedSite;
let site: RunningSite | null = null;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-admin-tls-"));
  files = await ServedSite.open();
});
afterEach(async () => {
  await site?.close();
  site = null;
  await files.close();
  rmSync(folder, { recursive: true });
});

function keep({ cert, key }: Certificate) {
  const tls = { certFile: join(folder, "admin.crt"), keyFile: join(folder, "admin.key") };
  writeFileSync(tls.certFile, cert);
  writeFileSync(tls.keyFile, key);
  return tls;
}

/** The header by which a browser keeps the session. */
async function cookieFor(token: string, { cert: ca }: Certificate): Promise<string | undefined> {
  const asked = request(`${site?.adminUrl}/api/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    ca,
    checkServerIdentity: () => undefined,
    agent: false,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once("response", resolve);
    asked.once("error", reject);
  });
  asked.end(JSON.stringify({ token }));
  const answer = await answered;
  answer.resume();
  return answer.headers["set-cookie"]?.[0];
}

test("the admin port speaks TLS, signs in with a secure cookie, and takes up a renewed certificate", async () => {
  const [first, second, ca] = await Promise.all([
    certify("admin", null),
    certify("admin renewed", null),
    certify("a CA of the site", null, { isCa: true }),
  ]);
  const tokens = { token: "s3cret-of-the-site", readToken: "for-the-screen-on-the-wall" };
  site = await RunningSite.open(files, {
    mode: "proxy",
    compatibility: "standard",
    boot: {},
    nodes: [],
    trace: null,
    tokens,
    tls: keep(first),
  });
  const heard: PxeEvent[] = [];
  site.events.subscribe((event) => heard.push(event));
  expect(site.adminUrl).toMatch(/^https:/);
  const url = `${site.adminUrl}/healthz`;
  const ask = ({ cert: trusted }: Certificate) => askJson(url, { trusted });
  expect(await ask(first)).toMatchObject({ status: 200, body: { status: "alive" } });
  await expect(ask(second)).rejects.toThrow(/certificate/);
  await expect(askJson(url)).rejects.toThrow(/certificate/);
  const cookie = await cookieFor(tokens.token, first);
  expect(cookie?.split("; ").slice(2)).toEqual(["Path=/", "HttpOnly", "Secure", "SameSite=Strict"]);

  const renewed = keep(second);
  site.reloadCertificate();
  expect(await ask(second)).toMatchObject({ status: 200 });
  await expect(ask(first)).rejects.toThrow(/certificate/);

  writeFileSync(renewed.keyFile, "no key");
  site.reloadCertificate();
  expect(await ask(second)).toMatchObject({ status: 200 });
  expect(heard.map(({ event }) => event)).toContain("admin-certificate-rejected");

  // Of a CA that this host does not know: the certificate itself is enough.
  const issued = await certify("issued", ca);
  keep(issued);
  site.reloadCertificate();
  expect(await ask(issued)).toMatchObject({ status: 200 });
});

test("a certificate that cannot be used is named with its setting", () => {
  const tls = { certFile: join(folder, "admin.crt"), keyFile: join(folder, "admin.key") };
  writeFileSync(tls.certFile, "nothing");
  writeFileSync(tls.keyFile, "nothing");
  const read = () => readServerCertificate(tls, "admin.tls");
  expect(read).toThrow(ConfigError);
  expect(read).toThrow("admin.tls.certFile");
});
