import { X509Certificate } from "node:crypto";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { createOrigin, type Origin } from "../../../src/artifacts/origin/origin.ts";
import { UntrustedError } from "../../../src/artifacts/origin/origin-errors.ts";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import type { Certificate } from "../../../src/lib/certificate.ts";
import { type Orchestrator, startOrchestrator } from "../../../src/demo/orchestrator.ts";
import { certify } from "../../support/certificates.ts";
import { fetchWhole, syncFailure } from "../../support/orchestrator.ts";
import { startTunnelProxy } from "../../support/proxy.ts";

/* Field faults 26 and 66: each way in which a certificate is not trusted, in four short lines. */

const bytes = Buffer.from("#!ipxe\nboot\n");
let root: Certificate;
let intermediate: Certificate;
let leaf: Certificate;
let other: Certificate;
const closers: (() => Promise<unknown>)[] = [];
beforeAll(async () => {
  root = await certify("Root", null, { isCa: true });
  intermediate = await certify("Intermediate", root, { isCa: true });
  leaf = await certify("leaf.example", intermediate);
  other = await certify("Other Root", null, { isCa: true });
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** An origin that presents these certificates, asked with the trust in those. */
async function asked(
  chain: readonly Certificate[],
  trusted: readonly Certificate[],
): Promise<{ readonly origin: Origin; readonly orchestrator: Orchestrator }> {
  const [own] = chain;
  const cert = chain.map((one) => one.cert).join("\n");
  const orchestrator = await startOrchestrator({
    files: new Map([["boot.ipxe", bytes]]),
    certificate: { key: own?.key ?? "", cert },
  });
  const pem = trusted.map((one) => one.cert).join("\n");
  const origin = createOrigin({
    url: orchestrator.url(),
    ca: pem === "" ? null : { pem, file: "ca.pem" },
    proxy: null,
    environment: noProxies,
  });
  closers.push(
    () => orchestrator.close(),
    () => origin.close(),
  );
  return { origin, orchestrator };
}

const fingerprint = ({ cert }: Certificate) => new X509Certificate(cert).fingerprint256;

describe("a certificate that ca.file has", () => {
  it.each([
    ["the root", () => [leaf, intermediate], () => [root]],
    ["the intermediate, the root unknown", () => [leaf, intermediate], () => [intermediate]],
    ["the intermediate, which does not come", () => [leaf], () => [intermediate]],
    ["the certificate itself", () => [leaf], () => [leaf]],
    ["the certificate itself, among others", () => [leaf, intermediate], () => [other, leaf]],
  ])("field fault 26: is trusted as %s", async (_, chain, trusted) => {
    const { origin } = await asked(chain(), trusted());
    expect(await fetchWhole(origin)).toEqual(bytes);
  });
});

describe("a certificate that is not trusted", () => {
  it.each<[string, () => Promise<[Certificate[], Certificate[]]>, RegExp, RegExp]>([
    [
      "by a server that leaves out its intermediate",
      () => Promise.resolve([[leaf], [root]]),
      /only its own certificate, signed by Intermediate, and the configured CA .*leaves out the inter/,
      /orchestrator's operator\) have the server present its whole chain/,
    ],
    [
      "of another CA, whose root comes along",
      () => Promise.resolve([[leaf, intermediate, root], [other]]),
      /is of the CA Intermediate, and the configured CA does not cover it: the orchestrator has another/,
      /site\) fetch https:.*boots\/ca\.crt or .*Full_server\.crt, compare its SHA-256/,
    ],
    [
      "that leads to a root that does not come",
      () => Promise.resolve([[leaf, intermediate], [other]]),
      /lead to Root, which does not come with them/,
      /certificate of Root/,
    ],
    [
      "that signed itself",
      async () => [[await certify("self", null)], [other]],
      /is signed by itself, and the configured CA does not cover it/,
      /Full_server\.crt/,
    ],
    [
      "of a new CA under the old name",
      async () => [[await certify("x", await certify("Root", null, { isCa: true }))], [root]],
      /names Root as who signed it, and the CA of that name that is trusted did not/,
      /boots\/ca\.crt or .*Full_server\.crt, compare its SHA-256/,
    ],
    [
      "that a proxy made which opens TLS",
      async () => {
        const inspector = await certify("FortiGate CA SN 42", null, { isCa: true });
        return [[await certify("localhost", inspector)], [root]];
      },
      /made by FortiGate CA SN 42, as of a proxy or firewall that opens TLS connections/,
      /network team\) have localhost:\d+ excepted from TLS inspection/,
    ],
    [
      "for another name",
      async () => [[await certify("x", root, { names: ["other.example"] })], [root]],
      /is for another name \(DNS:other\.example, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1\)/,
      /9443/,
    ],
    [
      "that has expired",
      async () => [[await certify("x", root, { validFrom: Date.UTC(2020, 0) })], [root]],
      /has expired, or this machine's clock is wrong \(20/,
      /date -u/,
    ],
    [
      "that is not valid yet",
      async () => [[await certify("x", root, { validFrom: Date.UTC(2120, 0) })], [root]],
      /is not valid yet/,
      /site\) set the clock/,
    ],
  ])("field faults 26, 66: is told in four lines: %s", async (_, made, why, todo) => {
    const [chain, trusted] = await made();
    const { origin, orchestrator } = await asked(chain, trusted);
    const lines = (await syncFailure(fetchWhole(origin))).split("\n");
    expect(lines.map((line) => line.slice(0, 11))).toEqual([
      "presented: ",
      "trusted:   ",
      "why:       ",
      "do this:   ",
    ]);
    const [presented, ca, reason, remedy] = lines;
    const [own = root] = chain;
    const [anchor = root] = trusted;
    expect(presented).toContain(`SHA-256 ${fingerprint(own)}`);
    expect(ca).toContain(`SHA-256 ${fingerprint(anchor)}`);
    expect(reason).toMatch(/is not trusted \([A-Z_]+\): /);
    expect(reason).toMatch(why);
    expect(remedy).toMatch(todo);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(350);
    // Nobody was told anything.
    expect(orchestrator.counters.requests).toBe(0);
  });

  it("is an error that another CA may mend, and not where none can", async () => {
    const missing = await asked([leaf], [root]);
    await expect(fetchWhole(missing.origin)).rejects.toBeInstanceOf(UntrustedError);
    const expired = await certify("x", root, { validFrom: Date.UTC(2020, 0) });
    const { origin } = await asked([expired], [root]);
    await expect(fetchWhole(origin)).rejects.not.toBeInstanceOf(UntrustedError);
  });
});

describe("a proxy that wants to know who asks", () => {
  it.each([
    ["", ["Basic realm=x"], /\(407\), and its URL has none.*site\): write them into the URL/],
    ["u:p@", ["Basic realm=x"], /\(407\), and does not accept those of its URL.*%40/],
    ["u:p@", ["Negotiate", "NTLM"], /takes them only by negotiate, ntlm.*network team\)/],
    ["", ["Negotiate"], /takes them only by negotiate/],
    ["u:p@", ["Negotiate", 'Basic realm="a, b"'], /does not accept those of its URL/],
    ["u:p@", [], /does not accept those of its URL/],
  ])("field fault 26: gets %j and offers %j", async (credentials, schemes, expected) => {
    const { orchestrator } = await asked([leaf, intermediate], [root]);
    for (const url of [orchestrator.url(), "http://127.0.0.1:1/x"]) {
      const proxy = await startTunnelProxy(407, schemes);
      const origin = createOrigin({
        url,
        ca: { pem: root.cert, file: "ca.pem" },
        proxy: `http://${credentials}127.0.0.1:${proxy.port}`,
        environment: noProxies,
      });
      closers.push(
        () => proxy.close(),
        () => origin.close(),
      );
      const message = await syncFailure(fetchWhole(origin));
      expect(message).toMatch(expected);
      expect(message).toContain("wants a user name and password (407)");
      expect(message).not.toContain("u:p");
    }
  });
});
