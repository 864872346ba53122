import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import { get } from "node:https";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Certificate } from "../../src/lib/certificate.ts";
import type { TlsIdentity } from "../../src/http/connections/handshakes.ts";
import { type HttpPort, listen } from "../../src/http/listen.ts";
import { BootPort, orchestratorScript } from "../support/boot-port.ts";
import { certify } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";

const initramfs = Buffer.alloc(5_000_000, "0123456789");
let ca: Certificate;
let identity: Certificate;
let port: BootPort;
let open: HttpPort;
let failures: string[];
let renew: (renewed: TlsIdentity) => void;

beforeAll(async () => {
  ca = await certify("test CA", null, { isCa: true });
  identity = await certify("boot", ca);
});
beforeEach(async () => {
  port = new BootPort({}, { connections: 8, perClient: 8 });
  port.addGeneration("g1", { "boot.ipxe": orchestratorScript, "initramfs-x86_64": initramfs });
  failures = [];
  open = await listen(
    port.app,
    { host: "127.0.0.1", port: 0 },
    {
      ...port.connections,
      tls: {
        identity: {
          current: identity,
          subscribe: (listener) => {
            renew = listener;
            return () => {};
          },
        },
        failed: (_address, reason) => failures.push(reason),
      },
    },
  );
});
afterEach(async () => {
  await open.close(0);
  await port.close();
});

interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

function fetchBy(path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = {
      host: "127.0.0.1",
      port: open.port,
      path,
      headers,
      ca: ca.cert,
      agent: false,
    };
    get(options, (response) => {
      const chunks: Buffer[] = [];
      const { statusCode: status = 0 } = response;
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve({ status, body: Buffer.concat(chunks) }));
      response.on("error", reject);
    }).on("error", reject);
  });
}

test("http.tls: files, ranges and 404 are served as by plain HTTP", async () => {
  const whole = await fetchBy("/artifacts/initramfs-x86_64");
  expect(whole.status).toBe(200);
  expect(whole.body.equals(initramfs)).toBe(true);
  const part = await fetchBy("/artifacts/initramfs-x86_64", { range: "bytes=4999999-" });
  expect([part.status, part.body.toString()]).toEqual([206, "9"]);
  expect((await fetchBy("/nothing")).status).toBe(404);
  expect(port.named("initramfs-done")).toHaveLength(2);
});

test("http.tls: a script that was fetched by TLS fetches by TLS", async () => {
  const { body } = await fetchBy("/52-54-00-12-34-56/boot.ipxe");
  expect(body.toString()).toContain(`set download-url https://127.0.0.1:${open.port}/artifacts`);
  expect(body.toString()).toContain(`https://127.0.0.1:${open.port}/events?`);
  expect(body.toString()).not.toContain("http://");
});

test("http.tls: a renewed certificate is shown to whoever connects from then on", async () => {
  const subjectNow = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ host: "127.0.0.1", port: open.port, ca: ca.cert });
      socket.once("secureConnect", () => {
        resolve(socket.getPeerX509Certificate()?.subject ?? "");
        socket.destroy();
      });
      socket.once("error", reject);
    });
  expect(await subjectNow()).toBe("CN=boot");
  renew(await certify("renewed", ca));
  expect(await subjectNow()).toBe("CN=renewed");
});

test("http.tls: a client that does not trust us, or speaks plain HTTP, is told of and leaves nothing behind", async () => {
  const mistrustful = connectTls({ host: "127.0.0.1", port: open.port });
  mistrustful.on("error", () => {});
  await eventually(() => expect(failures.join()).toMatch(/during the handshake/));
  const plain = connectPlain(open.port, "127.0.0.1");
  plain.on("error", () => {});
  plain.write("GET /boot.ipxe HTTP/1.1\r\nHost: a\r\n\r\n");
  await eventually(() => expect(failures.join()).toMatch(/http request/));
  await eventually(() => expect(port.connections.admission.open).toBe(0));
});

test("http.tls: handshakes that go no further take no place from a machine", async () => {
  const silent = Array.from({ length: 8 }, () => connectPlain(open.port, "127.0.0.1"));
  for (const socket of silent) socket.on("error", () => {});
  await eventually(() => expect(port.connections.admission.open).toBe(8));
  expect((await fetchBy("/boot.ipxe")).status).toBe(200);
  for (const socket of silent) socket.destroy();
  await eventually(() => expect(port.connections.admission.open).toBe(0));
});

test("http.tls: a client that closes in the middle of a download frees everything", async () => {
  const socket = connectTls({ host: "127.0.0.1", port: open.port, ca: ca.cert });
  socket.write("GET /artifacts/initramfs-x86_64 HTTP/1.1\r\nHost: a\r\n\r\n");
  socket.once("data", () => socket.destroy());
  expect(await port.event("download-aborted")).toMatchObject({ file: "initramfs-x86_64" });
  await eventually(() => expect(port.connections.admission.open).toBe(0));
});
