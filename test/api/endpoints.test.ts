import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import { type Endpoint, type EndpointRequest, urlOf } from "../../src/api/endpoint.ts";
import { artifactsReply } from "../../src/api/artifacts.ts";
import { bootsReply } from "../../src/api/boots.ts";
import { endpoints } from "../../src/api/endpoints.ts";
import { errorReply } from "../../src/api/errors.ts";
import { streamedEvent } from "../../src/api/events.ts";
import { stageImport } from "../../src/artifacts/store/bundle.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { fromText, u16 } from "../../src/lib/bytes.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { InternalError } from "../../src/lib/errors.ts";
import type { AdminApp } from "../../src/http/admin/app.ts";
import { AdminSite } from "../support/admin-site.ts";
import { machineId, message, packetWith } from "../support/dhcp.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

/* Every endpoint of a running server answers in the shape that it is declared with, and has no key besides. */

const mac = "52:54:00:00:00:01";
const address = "127.88.1.50";

let files: ServedSite;
let site: RunningSite;
beforeAll(async () => {
  files = await ServedSite.open();
  site = await RunningSite.open(files, {
    mode: "full",
    compatibility: "standard",
    boot: {},
    nodes: [{ mac, name: "press-4", serial: "4711" }],
    trace: null,
  });
  const discover = packetWith(
    message({
      [OptionCode.VENDOR_CLASS_IDENTIFIER]: fromText("PXEClient:Arch:00007:UNDI:003001"),
      [OptionCode.CLIENT_SYSTEM_ARCHITECTURE]: u16(7),
      [OptionCode.CLIENT_NETWORK_INTERFACE]: Uint8Array.of(1, 3, 1),
      [OptionCode.CLIENT_MACHINE_IDENTIFIER]: machineId,
    }),
    { chaddr: macToBytes(mac) },
  );
  await site.ask("server", [discover], discover);
}, 60_000);
afterAll(async () => {
  await site.close();
  await files.close();
});

const nowMs = Date.now();
const lease = {
  mac: "52:54:00:00:00:99",
  address,
  startedAtMs: nowMs,
  expiresAtMs: nowMs + 3_600_000,
  hostname: "press-9",
  clientId: null,
};

/** Each endpoint with a request that it answers, in this order. */
const asked: readonly (readonly [Endpoint, (() => Promise<EndpointRequest>) | EndpointRequest])[] =
  [
    [endpoints.healthz, {}],
    [endpoints.readyz, {}],
    [endpoints.metrics, {}],
    [endpoints.openApi, {}],
    [endpoints.showSession, {}],
    [endpoints.showSite, {}],
    [endpoints.showOtherServer, { params: { kind: "kea" }, query: { interface: "lo" } }],
    [endpoints.signIn, { body: { token: "anything, as none is needed here" } }],
    [endpoints.signOut, {}],
    [endpoints.listBoots, {}],
    [endpoints.showBoot, async () => ({ params: { id: await firstBoot() } })],
    [endpoints.downloadCapture, async () => ({ params: { id: await firstBoot() } })],
    [endpoints.showCode, { params: { code: "PXE-E23" } }],
    [endpoints.listNodes, {}],
    [endpoints.showNode, { params: { mac } }],
    [
      endpoints.changeNode,
      { params: { mac }, body: { netboot: "once", name: "press-5", way: null } },
    ],
    [endpoints.wakeNode, { params: { mac } }],
    [endpoints.decide, { body: { kind: "serial", value: "VM*", netboot: "deny" } }],
    [endpoints.listDecisions, {}],
    [endpoints.importLeases, { body: { leases: [lease, { ...lease, address: "192.0.2.1" }] } }],
    [endpoints.listLeases, {}],
    [endpoints.pinLease, { params: { address }, body: { name: "press-6" } }],
    [endpoints.releaseLease, { params: { address } }],
    [endpoints.sync, {}],
    [endpoints.listArtifacts, {}],
    [endpoints.verifyArtifacts, {}],
    [endpoints.pinArtifacts, { body: { generation: null } }],
    [endpoints.adoptArtifacts, async () => ({ body: { import: await staged() } })],
  ];

async function firstBoot(): Promise<string> {
  const { boots } = bootsReply.parse(await (await ask(endpoints.listBoots)).json());
  return boots[0]?.id ?? "none";
}

/** The current generation, put into the data folder as an import is. */
async function staged(): Promise<string> {
  const { generations } = artifactsReply.parse(await (await ask(endpoints.listArtifacts)).json());
  const [current] = generations;
  if (current === undefined) throw new InternalError("there is no generation");
  const source = join(site.artifactFolder, "generations", current.id);
  const names = current.manifest.files.map(({ name }) => name);
  return stageImport(site.artifactFolder, source, { names, isRoot: false });
}

function ask(endpoint: Endpoint, { body, ...rest }: EndpointRequest = {}): Promise<Response> {
  return fetch(`${site.adminUrl}${urlOf(endpoint, rest)}`, {
    method: endpoint.method,
    headers: endpoint.method === "GET" ? {} : { "content-type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
}

/** It has this shape, and nothing besides. */
function expectShape(shape: z.ZodType, received: unknown): void {
  expect(shape.parse(received)).toStrictEqual(received);
}

/** `GET /api/v1/nodes/:mac` of everything that Fastify serves; HEAD comes along with GET. */
function routesOf(app: AdminApp): readonly string[] {
  const parts: string[] = [];
  const routes: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).split("\n")) {
    const found = /^([│ ]*)[├└]── (\S+)(?: \((.*)\))?$/.exec(line);
    if (found === null) continue;
    const [, indent = "", part = "", methods = ""] = found;
    parts.splice(indent.length / 4, Infinity, part);
    for (const method of methods.split(", ").filter((one) => /^[A-Z]+$/.test(one))) {
      if (method !== "HEAD") routes.push(`${method} ${parts.join("")}`);
    }
  }
  return routes.toSorted();
}

const nameOf = ({ method, url }: Endpoint) => `${method} ${url}`;

describe("the endpoints of the admin port", () => {
  test("are all declared, and what is declared is all served", async () => {
    const made = new AdminSite();
    const app = made.app();
    await app.ready();
    expect(routesOf(app)).toEqual(Object.values(endpoints).map(nameOf).toSorted());
    await made.close();
  });

  test("are all asked below", () => {
    const names = [...asked.map(([endpoint]) => nameOf(endpoint)), nameOf(endpoints.streamEvents)];
    expect(names.toSorted()).toEqual(Object.values(endpoints).map(nameOf).toSorted());
  });

  test.each(asked.map(([endpoint, request]) => [nameOf(endpoint), endpoint, request] as const))(
    "answer in their shape: %s",
    async (_, endpoint, request) => {
      const reply = await ask(endpoint, typeof request === "function" ? await request() : request);
      const isJson = reply.headers.get("content-type")?.startsWith("application/json") === true;
      const received: unknown = isJson ? await reply.json() : await reply.text();
      expect([reply.status, received]).toEqual([200, expect.anything()]);
      expectShape(endpoint.schema.response[200], received);
    },
  );

  test("stream events in their shape", async () => {
    const stream = await ask(endpoints.streamEvents);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    await ask(endpoints.sync);
    let text = "";
    while (!text.includes("sync-done")) text += (await reader?.read())?.value ?? "";
    await reader?.cancel();
    const events = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = ""]): unknown =>
      JSON.parse(data),
    );
    expect(events.length).toBeGreaterThan(1);
    for (const event of events) expectShape(streamedEvent, event);
  });

  test("say what is wrong in the shape of an error", async () => {
    const wrong = await ask(endpoints.showNode, { params: { mac: "nonsense" } });
    expect(wrong.status).toBe(400);
    expectShape(errorReply, await wrong.json());
    const unknown = await fetch(`${site.adminUrl}/nothing`);
    expect(unknown.status).toBe(404);
    expectShape(errorReply, await unknown.json());
  });
});
