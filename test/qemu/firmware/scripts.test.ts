import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { debianTools } from "../debian.ts";
import { describeFailures } from "../failing.ts";
import { run } from "../process.ts";
import type { Extension, SiteOptions } from "../site.ts";
import { labTools } from "../site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

/** A script of the site's own, which reports as ours does where a command fails. */
function ownScript(...lines: readonly string[]) {
  return async (_network: unknown, folder: string): Promise<Extension> => {
    const script = join(folder, "site.ipxe");
    const report = [
      ":failed",
      "set error ${errno:hexraw}",
      "imgfetch ${eim-events-url}?stage=failed&mac=${mac}&message=site&errno=${error} ||",
      "prompt",
    ];
    await writeFile(script, ["#!ipxe", ...lines, ...report, ""].join("\n"));
    return { settings: { boot: { script } } };
  };
}

/** The machine's own entry sends it to a script elsewhere. */
function elsewhere(scriptUrl: string): Pick<SiteOptions, "nodes"> {
  return { nodes: [{ mac: "52:54:00:77:00:01", scriptUrl }] };
}

/** This server also by TLS, with a certificate that signed itself. */
async function withTls(_network: unknown, folder: string): Promise<Extension> {
  const keyFile = join(folder, "tls.key");
  const certFile = join(folder, "tls.crt");
  const subject = ["-subj", "/CN=site", "-addext", "subjectAltName=IP:192.168.77.1", "-days", "2"];
  const files = ["-keyout", keyFile, "-out", certFile];
  await run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject, ...files]);
  return { settings: { http: { tls: { certFile, keyFile, port: 8443 } } } };
}

describe.skipIf(skipped !== null)(
  `a boot that ends at its script${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeFailures([
      {
        what: "the script asks for a file that is not there",
        firmware: "uefi",
        site: {
          mode: "proxy",
          loaders: "modern",
          extend: ownScript("kernel ${download-url}/not-there || goto failed"),
        },
        screen: null,
        code: "file-not-served",
        cause: "/artifacts/not-there",
        who: "site",
      },
      {
        what: "what the script starts is no kernel",
        firmware: "uefi",
        site: {
          mode: "proxy",
          loaders: "modern",
          extend: ownScript("imgexec ${download-url}/initramfs-x86_64 || goto failed"),
        },
        screen: null,
        code: "reported-image-unknown",
      },
      {
        what: "its script has a host name, and there is no name server",
        firmware: "uefi",
        site: {
          mode: "proxy",
          loaders: "modern",
          ...elsewhere("http://boot.site.example:8080/x.ipxe"),
        },
        screen: null,
        code: "reported-no-dns-server",
      },
      {
        what: "its script is behind TLS, by a certificate of a CA that iPXE does not know",
        firmware: "uefi",
        site: {
          mode: "proxy",
          loaders: "modern",
          ...elsewhere("https://192.168.77.1:8443/boot.ipxe"),
          extend: withTls,
        },
        screen: null,
        code: "reported-certificate-root",
      },
    ]);
  },
);
