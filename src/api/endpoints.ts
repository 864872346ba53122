import { z } from "zod";
import { captureQuery, captureReply } from "./packets.ts";
import { artifactEndpoints } from "./artifacts.ts";
import { type Endpoint, openApiReply } from "./endpoint.ts";
import { bootDetail, bootPath, bootsQuery, bootsReply } from "./boots.ts";
import { codePath, codeQuery, codeReply } from "./codes.ts";
import { aliveReply, notReadyReply, readyReply } from "./health.ts";
import * as leases from "./leases.ts";
import * as nodes from "./nodes.ts";
import { session, signIn } from "./session.ts";
import { nothing } from "./values.ts";
import { otherServerPath, otherServerQuery, otherServerReply, siteReply } from "./site.ts";

/** Everything that the admin port answers. */
export const endpoints = {
  healthz: {
    method: "GET",
    url: "/healthz",
    schema: {
      summary: "whether the process is alive",
      description: "Open without a token.",
      response: { 200: aliveReply },
    },
  },
  readyz: {
    method: "GET",
    url: "/readyz",
    schema: {
      summary: "whether a machine could boot now",
      description:
        "200 when a machine could boot now, with what links lack that are not served (`unserved`); 503 with the `reasons` otherwise. Open without a token.",
      response: { 200: readyReply, 503: notReadyReply },
    },
  },
  metrics: {
    method: "GET",
    url: "/metrics",
    schema: {
      summary: "metrics in Prometheus' text format",
      description: "Listed in [metrics.md](metrics.md).",
      produces: ["text/plain"],
      response: { 200: z.string() },
    },
  },
  openApi: {
    method: "GET",
    url: "/openapi.json",
    schema: {
      summary: "this description of the API",
      description: "As an OpenAPI 3.1 document, made from the shapes that requests are judged by.",
      response: { 200: openApiReply },
    },
  },
  showSession: {
    method: "GET",
    url: "/api/v1/session",
    schema: {
      summary: "what whoever asks may do",
      description: "Open without a token.",
      response: { 200: session },
    },
  },
  signIn: {
    method: "POST",
    url: "/api/v1/session",
    schema: {
      summary: "keeps a token in a cookie, for the dashboard",
      description:
        "The cookie is `HttpOnly` and `SameSite=Strict`, holds a code made from the token, and ends when the token changes.",
      body: signIn,
      response: { 200: session },
    },
  },
  signOut: {
    method: "DELETE",
    url: "/api/v1/session",
    schema: { summary: "forgets the cookie", body: nothing, response: { 200: session } },
  },
  showSite: {
    method: "GET",
    url: "/api/v1/site",
    schema: {
      summary: "whether a machine could boot now, and what is known of the site",
      description:
        "Readiness with its reasons, links, other DHCP and PXE servers that were heard, the orchestrator and its certificate, the generation that is served, the disk, how long boots take here, and boots by the hour.",
      response: { 200: siteReply },
    },
  },
  showOtherServer: {
    method: "GET",
    url: "/api/v1/other-servers/:kind",
    schema: {
      summary:
        "what to remove from and to set in the site's own DHCP server, with this site's addresses",
      description: "What `eim-pxe explain --other-server` prints.",
      params: otherServerPath,
      querystring: otherServerQuery,
      response: { 200: otherServerReply },
    },
  },
  listBoots: {
    method: "GET",
    url: "/api/v1/boots",
    schema: {
      summary: "boots as timelines, newest first",
      description:
        "Up to 100 in an answer, 500 where `limit` asks for them. `expected` says whether to wait or to act: how long boots here are at its stage (the median of the last 100 that came up), how long this one has been there, and whether that is longer than nine of ten took and than half as long again as the median, each by two seconds.",
      querystring: bootsQuery,
      response: { 200: bootsReply },
    },
  },
  showBoot: {
    method: "GET",
    url: "/api/v1/boots/:id",
    schema: {
      summary: "one boot with all that was reported of it",
      description:
        "With what the machine was `given`, file by file with its SHA-256, the `events` of it and its last `packets`, decoded: each DHCP option with its name and what it says.",
      params: bootPath,
      response: { 200: bootDetail },
    },
  },
  downloadCapture: {
    method: "GET",
    url: "/api/v1/boots/:id/capture",
    schema: {
      summary: "the DHCP and TFTP packets of a boot as a capture file, without TFTP's data",
      description: "As they were heard and sent. 404 where `timeline.captures` is `false`.",
      produces: ["application/vnd.tcpdump.pcap"],
      params: bootPath,
      querystring: captureQuery,
      response: { 200: captureReply },
    },
  },
  showCode: {
    method: "GET",
    url: "/api/v1/codes/:code",
    schema: {
      summary: "what a code on a machine's screen means",
      description: "What `eim-pxe explain --code` prints.",
      params: codePath,
      querystring: codeQuery,
      response: { 200: codeReply },
    },
  },
  streamEvents: {
    method: "GET",
    url: "/api/v1/events",
    schema: {
      summary: "every event as it happens, as server-sent events",
      description: "[How to read it](#the-stream-of-events).",
      produces: ["text/event-stream"],
      response: { 200: z.string() },
    },
  },
  listNodes: {
    method: "GET",
    url: "/api/v1/nodes",
    schema: {
      summary: "every machine that has an entry by mac, booted lately, or has a known offer style",
      description:
        "A machine is in it that was decided about, was seen booting, waits for a decision, or of whose firmware something was learnt, too.",
      querystring: nodes.nodesQuery,
      response: { 200: nodes.nodesReply },
    },
  },
  showNode: {
    method: "GET",
    url: "/api/v1/nodes/:mac",
    schema: { summary: "one machine", params: nodes.nodePath, response: { 200: nodes.node } },
  },
  changeNode: {
    method: "PATCH",
    url: "/api/v1/nodes/:mac",
    schema: {
      summary: "changes what is kept of one machine",
      description:
        '`{"netboot": "allow"}`, `"deny"` or `"once"` decides [whether it may boot](booting.md#who-may-boot), `{"name": NAME}` names it, and `{"way": null}` forgets [how its firmware is answered](booting.md#firmware-that-wants-it-otherwise).',
      params: nodes.nodePath,
      body: nodes.nodeChange,
      response: { 200: nodes.node },
    },
  },
  wakeNode: {
    method: "POST",
    url: "/api/v1/nodes/:mac/wake",
    schema: {
      summary: "switches a machine on by Wake-on-LAN",
      description:
        "Sends a [magic packet](booting.md#switching-machines-on) on the machine's link: that of its last boot, or of its address; on every link where neither is known. Whether the machine wakes is seen by its next boot.",
      params: nodes.wakePath,
      body: nothing,
      response: { 200: nodes.wakeReply },
    },
  },
  listDecisions: {
    method: "GET",
    url: "/api/v1/decisions",
    schema: {
      summary: "what was decided about machines by the API and the command line",
      querystring: nodes.decisionsQuery,
      response: { 200: nodes.decisionsReply },
    },
  },
  decide: {
    method: "POST",
    url: "/api/v1/decisions",
    schema: {
      summary: "decides about machines by MAC address, UUID or serial number, with wildcards",
      description:
        '`{"kind": "serial", "value": "VM*", "netboot": "deny"}` denies all machines whose serial number begins with VM.',
      body: nodes.decisionRequest,
      response: { 200: nodes.decision },
    },
  },
  listLeases: {
    method: "GET",
    url: "/api/v1/leases",
    schema: {
      summary: "leases and quarantines of mode full, and how full the pools are",
      querystring: leases.leasesQuery,
      response: { 200: leases.leasesReply },
    },
  },
  importLeases: {
    method: "POST",
    url: "/api/v1/leases",
    schema: {
      summary: "imports leases of another server",
      description: "A thousand at most: what `eim-pxe leases import` sends.",
      body: leases.leaseImport,
      response: { 200: leases.leaseImportReply },
    },
  },
  releaseLease: {
    method: "DELETE",
    url: "/api/v1/leases/:address",
    schema: {
      summary: "frees an address, or ends its quarantine",
      params: leases.leasePath,
      body: nothing,
      response: { 200: leases.lease },
    },
  },
  pinLease: {
    method: "POST",
    url: "/api/v1/leases/:address/pin",
    schema: {
      summary: "reserves an address for the machine that has leased it",
      description:
        "What `eim-pxe leases pin` does. Without `name`, and with no body at all, the machine keeps the name that it has.",
      params: leases.leasePath,
      body: leases.pinRequest,
      response: { 200: leases.pinReply },
    },
  },
  ...artifactEndpoints,
} as const satisfies Record<string, Endpoint>;
