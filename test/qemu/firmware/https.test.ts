import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { stages } from "../../../src/timeline/stages.ts";
import { certify } from "../../support/certificates.ts";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, bootUntil, useSite } from "../boots.ts";
import { signatureLists } from "../efi-signatures.ts";
import { wire } from "../network.ts";
import { labTools } from "../site.ts";

const skipped = reasonToSkip({ root: true, tools: labTools });

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-https-"));
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(skipped !== null)("UEFI HTTP boot by TLS", async () => {
  const ca = await certify("the site's CA", null, { isCa: true, rsa: true });
  const { cert, key } = await certify("boot", ca, { rsa: true, addresses: [wire.serverAddress] });
  const trust = (pem: string, name: string): string[] => {
    const list = file(name, signatureLists([pem]));
    // OVMF takes what a person would enrol in its menus from here.
    return ["-fw_cfg", `name=etc/edk2/https/cacerts,file=${list}`];
  };
  const tls = { certFile: file("boot.crt", cert), keyFile: file("boot.key", key) };
  const settings = { http: { tls: { ...tls, offer: ["uefi-http"] } } };
  const site = useSite({ mode: "proxy", extend: async () => ({ settings }) });

  it("OVMF boots from an https URL with the site's CA", async () => {
    const boot = await bootOne(site(), "uefi-http", { flags: trust(ca.cert, "site.esl") });
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);
    const url = `https://${wire.serverAddress}:8443/${boot.machine.mac}/ipxe.efi`;
    const replies = await site().replies();
    expect(replies.map((reply) => reply.file)).toContain(url);
  });

  it("OVMF without that CA refuses us, and tls-failed says so", async () => {
    const other = await certify("another CA", null, { isCa: true, rsa: true });
    const flags = trust(other.cert, "other.esl");
    await bootUntil(
      site(),
      "uefi-http",
      /Error: (Could not|Server)|Unable to|Security Violation/i,
      flags,
    );
    const failed = site().server.events.filter(({ event }) => event === "tls-failed");
    expect(failed.map(({ fields }) => fields["reason"]).join()).toMatch(
      /unknown ca|certificate|handshake/i,
    );
  });
});
