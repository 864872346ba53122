import type { InjectOptions } from "fastify";
import { fromText } from "../../../src/lib/bytes.ts";
import { AdminSite } from "../../support/admin-site.ts";
import { BootPort, orchestratorScript } from "../../support/boot-port.ts";
import { must, type Target } from "../target.ts";

/*
 * Requests by both ports' routers and schemas, without sockets. The first line of an input is the method, a blank and
 * the URL; what follows is the body.
 */

const decoder = new TextDecoder();

type Method = "GET" | "HEAD" | "POST" | "PATCH" | "DELETE" | "PUT";

type Request = InjectOptions & { readonly url: string };

function requestIn(bytes: Uint8Array, methods: readonly Method[]): Request | null {
  const whole = decoder.decode(bytes);
  const end = whole.indexOf("\n");
  const [word = "", path = ""] = (end === -1 ? whole : whole.slice(0, end)).split(" ");
  // What is no URL never leaves Node's own parser.
  if (!path.startsWith("/") || !/^[\x21-\x7e]+$/.test(path)) return null;
  if (!URL.canParse(path, "http://localhost") || path.startsWith("//")) return null;
  const method = methods.find((one) => one === word) ?? "GET";
  const payload = end === -1 ? undefined : whole.slice(end + 1);
  return {
    method,
    url: path,
    headers: { host: "localhost", "content-type": "application/json" },
    ...(payload === undefined || method === "GET" || method === "HEAD" ? {} : { payload }),
  };
}

const admin: Target = {
  name: "api-requests",
  what: "requests of the admin port, with their bodies",
  seeds: () =>
    [
      "GET /api/v1/boots?limit=5&status=stalled",
      'PATCH /api/v1/nodes/52:54:00:12:34:56\n{"netboot":"once","name":null}',
      'POST /api/v1/leases\n{"leases":[{"mac":"52:54:00:12:34:56","address":"192.168.77.100"}]}',
      "DELETE /api/v1/leases/192.168.77.100\n{}",
      'POST /api/v1/leases/192.168.77.100/pin\n{"name":"a"}',
      'POST /api/v1/artifacts/pin\n{"generation":"g1"}',
      "POST /api/v1/artifacts/sync\n{}",
      "GET /api/v1/codes/PXE-E16?architecture=7",
      'POST /api/v1/session\n{"token":"x"}',
    ].map(fromText),
  words: [
    "/api/v1/",
    "nodes/",
    "boots/",
    "leases",
    '{"',
    '":',
    "null",
    "__proto__",
    "constructor",
    "%2e%2e",
    "?limit=",
    "&cursor=",
  ],
  mostBytes: 1000,
  open: () => {
    const site = new AdminSite();
    const app = site.app();
    return {
      run: async (bytes) => {
        const request = requestIn(bytes, ["GET", "POST", "PATCH", "DELETE", "PUT"]);
        // Streams do not end.
        if (request === null || request.url.includes("/events")) return;
        const { statusCode, body } = await app.inject(request);
        must(statusCode < 500 || statusCode === 503, `the answer is ${statusCode}: ${body}`);
      },
      close: () => site.close(),
    };
  },
};

const boot: Target = {
  name: "boot-requests",
  what: "requests of the boot port: scripts, files, loaders, reports",
  seeds: () =>
    [
      "GET /boot.ipxe?mac=52-54-00-00-00-0a&uuid=x&serial=y",
      "GET /52:54:00:00:00:0a/boot.ipxe",
      "GET /artifacts/vmlinuz-x86_64",
      "HEAD /loaders/ipxe.efi",
      "GET /events?stage=failed&errno=040ee119&message=x&version=1&platform=efi",
      'POST /events\n{"stage":"micro-os","mac":"52:54:00:00:00:0a"}',
      "GET /autoexec.ipxe",
    ].map(fromText),
  words: [
    "/artifacts/",
    "/loaders/",
    "/keys/",
    "..%2f",
    "%00",
    "boot.ipxe",
    "?mac=",
    "&serial=",
    "&stage=",
    "%e2%80%8b",
  ],
  mostBytes: 1000,
  open: () => {
    const port = new BootPort();
    port.addGeneration("g1", { "boot.ipxe": orchestratorScript, "vmlinuz-x86_64": "kernel" });
    let asked = 0;
    return {
      run: async (bytes) => {
        const request = requestIn(bytes, ["GET", "HEAD", "POST"]);
        if (request === null) return;
        // The limit on reports is by time, and events are kept for tests.
        port.nowMs += 1000;
        if ((asked += 1) % 1000 === 0) port.events.length = 0;
        const { statusCode, body } = await port.app.inject(request);
        must(statusCode < 500 || statusCode === 503, `the answer is ${statusCode}: ${body}`);
      },
      close: () => port.close(),
    };
  },
};

export const httpTargets: readonly Target[] = [admin, boot];
