import { z } from "zod";
import { captureQuery, captureReply } from "./packets.ts";
import * as artifacts from "./artifacts.ts";
import { type Endpoint, openApiReply } from "./endpoint.ts";
import { bootDetail, bootPath, bootsQuery, bootsReply } from "./boots.ts";
import { codePath, codeQuery, codeReply } from "./codes.ts";
import { aliveReply, notReadyReply, readyReply } from "./health.ts";
import * as leases from "./leases.ts";
import * as nodes from "./nodes.ts";
import { session, signIn } from "./session.ts";
import { otherServerPath, otherServerQuery, otherServerReply, siteReply } from "./site.ts";

/** Everything that the admin port answers. */
export const endpoints = {
  healthz: {
    method: "GET",
    url: "/healthz",
    schema: { summary: "whether the process is alive", response: { 200: aliveReply } },
  },
  readyz: {
    method: "GET",
    url: "/readyz",
    schema: {
      summary: "whether a machine could boot now",
      response: { 200: readyReply, 503: notReadyReply },
    },
  },
  metrics: {
    method: "GET",
    url: "/metrics",
    schema: {
      summary: "metrics in Prometheus' text format",
      produces: ["text/plain"],
      response: { 200: z.string() },
    },
  },
  openApi: {
    method: "GET",
    url: "/openapi.json",
    schema: { summary: "this description of the API", response: { 200: openApiReply } },
  },
  showSession: {
    method: "GET",
    url: "/api/v1/session",
    schema: { summary: "what whoever asks may do", response: { 200: session } },
  },
  signIn: {
    method: "POST",
    url: "/api/v1/session",
    schema: {
      summary: "keeps a token in a cookie, for the dashboard",
      body: signIn,
      response: { 200: session },
    },
  },
  signOut: {
    method: "DELETE",
    url: "/api/v1/session",
    schema: { summary: "forgets the cookie", response: { 200: session } },
  },
  showSite: {
    method: "GET",
    url: "/api/v1/site",
    schema: {
      summary: "whether a machine could boot now, and what is known of the site",
      response: { 200: siteReply },
    },
  },
  showOtherServer: {
    method: "GET",
    url: "/api/v1/other-servers/:kind",
    schema: {
      summary:
        "what to remove from and to set in the site's own DHCP server, with this site's addresses",
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
      querystring: bootsQuery,
      response: { 200: bootsReply },
    },
  },
  showBoot: {
    method: "GET",
    url: "/api/v1/boots/:id",
    schema: {
      summary: "one boot with all that was reported of it",
      params: bootPath,
      response: { 200: bootDetail },
    },
  },
  downloadCapture: {
    method: "GET",
    url: "/api/v1/boots/:id/capture",
    schema: {
      summary: "the DHCP and TFTP packets of a boot as a capture file, without TFTP's data",
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
      produces: ["text/event-stream"],
      response: { 200: z.string() },
    },
  },
  listNodes: {
    method: "GET",
    url: "/api/v1/nodes",
    schema: {
      summary: "every machine that has an entry by mac, booted lately, or has a known offer style",
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
      params: nodes.nodePath,
      body: nodes.nodeChange,
      response: { 200: nodes.node },
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
      response: { 200: leases.lease },
    },
  },
  pinLease: {
    method: "POST",
    url: "/api/v1/leases/:address/pin",
    schema: {
      summary: "reserves an address for the machine that has leased it",
      params: leases.leasePath,
      body: leases.pinRequest,
      response: { 200: leases.pinReply },
    },
  },
  listArtifacts: {
    method: "GET",
    url: "/api/v1/artifacts",
    schema: {
      summary: "generations with their manifests, and the loaders with what each one is",
      response: { 200: artifacts.artifactsReply },
    },
  },
  sync: {
    method: "POST",
    url: "/api/v1/artifacts/sync",
    schema: { summary: "brings the mirror up to date now", response: { 200: artifacts.syncReply } },
  },
  verifyArtifacts: {
    method: "POST",
    url: "/api/v1/artifacts/verify",
    schema: { summary: "reads every generation again", response: { 200: artifacts.verifyReply } },
  },
  pinArtifacts: {
    method: "POST",
    url: "/api/v1/artifacts/pin",
    schema: {
      summary: "serves this generation until another is pinned; null: the newest again",
      body: artifacts.pinRequest,
      response: { 200: artifacts.pinReply },
    },
  },
  adoptArtifacts: {
    method: "POST",
    url: "/api/v1/artifacts/adopt",
    schema: {
      summary: "makes a generation of an import in the data folder",
      body: artifacts.adoptRequest,
      response: { 200: artifacts.adoptReply },
    },
  },
} as const satisfies Record<string, Endpoint>;
