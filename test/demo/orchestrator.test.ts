import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Certificate, makeCertificate } from "../../src/lib/certificate.ts";
import { type Orchestrator, startOrchestrator } from "../../src/demo/orchestrator.ts";

const bytes = Buffer.from("0123456789");
let certificate: Certificate;
let orchestrator: Orchestrator;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-orchestrator-"));
  await writeFile(join(folder, "kernel"), "from a file");
  certificate = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
  orchestrator = await startOrchestrator({
    files: new Map<string, Uint8Array | string>([
      ["digits", bytes],
      ["keys/db.der", Buffer.from("key")],
      ["vmlinuz-x86_64", join(folder, "kernel")],
      ["gone", join(folder, "gone")],
    ]),
    certificate,
  });
});
afterAll(async () => {
  await orchestrator.close();
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { port } = orchestrator;
    const options = { host: "localhost", port, path, method, headers, ca: certificate.cert };
    request({ ...options, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (text: string) => (body += text));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    })
      .on("error", reject)
      .end();
  });
}

describe("the stand-in for the orchestrator", () => {
  it("serves files below its prefix, from memory and from disk", async () => {
    expect(await ask("/tink-stack/digits")).toMatchObject({ status: 200, body: "0123456789" });
    expect((await ask("/tink-stack/vmlinuz-x86_64")).body).toBe("from a file");
    expect((await ask("/tink-stack/keys/db.der")).body).toBe("key");
    expect((await ask("/tink-stack/keys/Full_server.crt")).body).toBe(certificate.cert);
  });

  it("answers as nginx does: tag of time and length, date, ranges, HTML for errors", async () => {
    const { headers } = await ask("/tink-stack/digits");
    const seconds = Date.parse(String(headers["last-modified"])) / 1000;
    expect(headers).toMatchObject({
      server: "nginx",
      etag: `"${seconds.toString(16)}-a"`,
      "content-length": "10",
      "accept-ranges": "bytes",
      "content-type": "application/octet-stream",
    });
    for (const path of ["/tink-stack/none", "/tink-stack/gone", "/digits", "/tink-stack/"]) {
      const answer = await ask(path);
      expect(answer.status).toBe(404);
      expect(answer.headers["content-type"]).toBe("text/html");
      expect(answer.body).toContain("<h1>404 Not Found</h1>");
    }
    expect(await ask("/tink-stack/digits", {}, "POST")).toMatchObject({ status: 405 });
  });

  it("gives the length and no body to HEAD", async () => {
    const answer = await ask("/tink-stack/digits", {}, "HEAD");
    expect(answer).toMatchObject({ status: 200, body: "" });
    expect(answer.headers["content-length"]).toBe("10");
  });

  it("answers 304 for the version that the client has, by tag, by date, by both", async () => {
    const { headers } = await ask("/tink-stack/digits");
    const tag = { "if-none-match": String(headers.etag) };
    const date = { "if-modified-since": String(headers["last-modified"]) };
    for (const conditions of [tag, date, { ...tag, ...date }, { "if-none-match": "*" }]) {
      expect(await ask("/tink-stack/digits", conditions)).toMatchObject({ status: 304, body: "" });
    }
    for (const conditions of [
      { ...tag, "if-modified-since": "x" },
      { ...date, "if-none-match": '"x"' },
    ]) {
      expect(await ask("/tink-stack/digits", conditions)).toMatchObject({ status: 200 });
    }
  });

  it.each([
    ["bytes=2-4", 206, "234", "bytes 2-4/10"],
    ["bytes=7-", 206, "789", "bytes 7-9/10"],
    ["bytes=-3", 206, "789", "bytes 7-9/10"],
    ["bytes=8-99", 206, "89", "bytes 8-9/10"],
    ["bytes=10-", 416, "416 Range Not Satisfiable", "bytes */10"],
    ["bytes=1-2,4-5", 200, "0123456789", undefined],
    ["lines=1", 200, "0123456789", undefined],
  ])("serves the range %s", async (range, status, body, contentRange) => {
    const answer = await ask("/tink-stack/digits", { range });
    expect(answer.status).toBe(status);
    expect(answer.body).toContain(body);
    expect(answer.headers["content-range"]).toBe(contentRange);
  });

  it("serves a range of the same version only, and the whole of another", async () => {
    const { headers } = await ask("/tink-stack/digits");
    const range = { range: "bytes=5-" };
    const same = { ...range, "if-range": String(headers.etag) };
    expect(await ask("/tink-stack/digits", same)).toMatchObject({ status: 206, body: "56789" });
    const other = { ...range, "if-range": '"other"' };
    expect(await ask("/tink-stack/digits", other)).toMatchObject({
      status: 200,
      body: "0123456789",
    });
  });

  it("replaces a file at once, with another tag even within a second", async () => {
    orchestrator.replace("boot.ipxe", Buffer.from("old"));
    const old = await ask("/tink-stack/boot.ipxe");
    orchestrator.replace("boot.ipxe", Buffer.from("new"));
    const fresh = await ask("/tink-stack/boot.ipxe", { "if-none-match": String(old.headers.etag) });
    expect(fresh).toMatchObject({ status: 200, body: "new" });
    orchestrator.remove("boot.ipxe");
    expect(await ask("/tink-stack/boot.ipxe")).toMatchObject({ status: 404 });
  });

  it("counts requests, and the bytes of files", async () => {
    const before = { ...orchestrator.counters };
    await ask("/tink-stack/digits");
    await ask("/tink-stack/digits", { range: "bytes=0-3" });
    await ask("/tink-stack/digits", {}, "HEAD");
    await ask("/tink-stack/none");
    expect(orchestrator.counters.requests - before.requests).toBe(4);
    expect(orchestrator.counters.bodyBytes - before.bodyBytes).toBe(14);
  });
});

describe("its certificate", () => {
  it("is self-signed, a CA, and for the names of the orchestrator and of loopback", () => {
    const { issuer, subject, ca, subjectAltName, validTo } = new X509Certificate(certificate.cert);
    expect(subject).toBe("CN=tinkerbell-haproxy.example.com");
    expect(issuer).toBe(subject);
    expect(ca).toBe(true);
    expect(subjectAltName).toBe(
      "DNS:tinkerbell-haproxy.example.com, DNS:localhost, IP Address:127.0.0.1",
    );
    expect(Date.parse(validTo)).toBeGreaterThan(Date.now() + 300 * 24 * 3600 * 1000);
  });

  it("is presented over TLS 1.2 and 1.3 with AES-256, and not otherwise", async () => {
    const ciphers = async (options: object) =>
      new Promise<string>((resolve) => {
        const { port } = orchestrator;
        const socket = connect(
          { port, host: "127.0.0.1", ca: certificate.cert, ...options },
          () => {
            resolve(`${socket.getProtocol()} ${socket.getCipher().name}`);
            socket.destroy();
          },
        );
        socket.on("error", () => resolve("refused"));
      });
    expect(await ciphers({})).toBe("TLSv1.3 TLS_AES_256_GCM_SHA384");
    expect(await ciphers({ maxVersion: "TLSv1.2" })).toBe("TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384");
    expect(await ciphers({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).toBe(
      "refused",
    );
  });
});
