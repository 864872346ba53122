import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootCertificate } from "../../../src/daemon/links/boot-certificate.ts";
import { readServerCertificate } from "../../../src/daemon/settings/tls-files.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { ConfigError } from "../../../src/lib/errors.ts";
import { certify } from "../../support/certificates.ts";

const day = 86_400_000;
let folder: string;
let files: { certFile: string; keyFile: string };
let events: PxeEvent[];
let nowMs: number;
let watched: BootCertificate | null;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-certificate-"));
  files = { certFile: join(folder, "boot.crt"), keyFile: join(folder, "boot.key") };
  events = [];
  nowMs = Date.now();
  watched = null;
  await issue();
});
afterEach(() => {
  watched?.close();
  rmSync(folder, { recursive: true });
});

/** Replaces both files, as certificate managers do. */
async function issue(validFrom = nowMs): Promise<string> {
  const { cert, key } = await certify("boot", null, { validFrom });
  replace(files.certFile, cert);
  replace(files.keyFile, key);
  return cert;
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

function watch(): BootCertificate {
  watched = new BootCertificate({
    files,
    certificate: readServerCertificate(files),
    emit: (event) => events.push(event),
    clock: { wall: () => nowMs },
  });
  return watched;
}

function heard(): string[] {
  return events.splice(0).map(({ event }) => event);
}

describe("http.tls: a certificate that cannot be used is named with its file and the reason", () => {
  const problemOf = (): string => {
    try {
      readServerCertificate(files);
      return "none";
    } catch (error) {
      return error instanceof ConfigError ? error.problems.join() : "another error";
    }
  };

  test.each([
    ["certFile", null, "certificate file cannot be read: there is no such file"],
    ["keyFile", null, "private key file cannot be read: there is no such file"],
    ["certFile", "", "holds no certificate in PEM form"],
    [
      "certFile",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "cannot be read",
    ],
    ["keyFile", "nonsense", "holds no private key"],
    [
      "keyFile",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
      "is encrypted",
    ],
  ] as const)("%s with %j", (file, text, reason) => {
    if (text === null) rmSync(files[file]);
    else writeFileSync(files[file], text);
    expect(problemOf()).toContain(`${files[file]}:1:1: `);
    expect(problemOf()).toContain(reason);
  });

  test("a key of another certificate", async () => {
    writeFileSync(files.keyFile, (await certify("other", null)).key);
    expect(problemOf()).toMatch(/boot\.key:1:1: is not the key of the certificate/);
  });
});

describe("the boot port's certificate", () => {
  test("is taken up when its files are renewed", async () => {
    const certificate = watch();
    const taken: string[] = [];
    certificate.subscribe(({ cert }) => taken.push(cert));
    expect(heard()).toEqual(["boot-certificate"]);
    certificate.look();
    expect(taken).toEqual([]);
    const renewed = await issue();
    certificate.look();
    expect(taken).toEqual([renewed]);
    expect(certificate.current.cert).toBe(renewed);
    certificate.look();
    expect(heard()).toEqual(["boot-certificate"]);
  });

  test("stays when the renewed one cannot be used, until both files are there", async () => {
    const certificate = watch();
    const { cert } = certificate.current;
    heard();
    const renewed = await certify("boot", null);
    replace(files.certFile, renewed.cert);
    certificate.look();
    certificate.look();
    expect(events).toMatchObject([{ reason: expect.stringContaining("is not the key") }]);
    expect(heard()).toEqual(["boot-certificate-rejected"]);
    expect(certificate.current.cert).toBe(cert);
    replace(files.keyFile, renewed.key);
    certificate.look();
    expect(heard()).toEqual(["boot-certificate"]);
    expect(certificate.current.cert).toBe(renewed.cert);
  });

  test("stays when its files are gone, and a reload by hand says why", () => {
    const certificate = watch();
    heard();
    rmSync(files.certFile);
    certificate.reload();
    expect(events).toMatchObject([{ reason: expect.stringContaining("no such file") }]);
    expect(heard()).toEqual(["boot-certificate-rejected"]);
  });

  test("stays while its files cannot be looked at, which is said once, and is renewed afterwards", async () => {
    const certificate = watch();
    const { cert } = certificate.current;
    heard();
    rmSync(files.certFile);
    symlinkSync(files.certFile, files.certFile);
    certificate.look();
    certificate.look();
    expect(events).toMatchObject([{ reason: expect.stringContaining("symbolic links") }]);
    expect(heard()).toEqual(["boot-certificate-rejected"]);
    expect(certificate.current.cert).toBe(cert);
    const renewed = await issue();
    certificate.look();
    expect(certificate.current.cert).toBe(renewed);
  });

  test("is told of 30 days and 7 days before its end, and at its end, once each", async () => {
    const certificate = watch();
    heard();
    const told = (): unknown[] => {
      certificate.look();
      certificate.look();
      return events.splice(0).map((event) => ("days" in event ? event.days : event.event));
    };
    nowMs += 269 * day;
    expect(told()).toEqual([]);
    nowMs += 1.5 * day;
    expect(told()).toEqual([29]);
    nowMs += 20 * day;
    expect(told()).toEqual([]);
    nowMs += 3 * day;
    expect(told()).toEqual([6]);
    nowMs += 7 * day;
    expect(told()).toEqual([-1]);
    await issue();
    certificate.look();
    expect(heard()).toEqual(["boot-certificate"]);
  });

  test("is told at the start when its end is near already", async () => {
    await issue(nowMs - 296.5 * day);
    watch();
    expect(heard()).toEqual(["boot-certificate", "boot-certificate-expiring"]);
  });

  test("is told where it is not for an address that is served", () => {
    const certificate = watch();
    heard();
    certificate.served("127.0.0.1");
    expect(heard()).toEqual([]);
    certificate.served("192.168.77.1");
    expect(events).toMatchObject([{ address: "192.168.77.1" }]);
    expect(heard()).toEqual(["boot-certificate-address"]);
  });
});
