import type { ArtifactsReply, SyncReply } from "../../api/artifacts.ts";
import type { BootDetailReply, BootReply } from "../../api/boots.ts";
import type { CodeReply } from "../../api/codes.ts";
import type { ErrorReply } from "../../api/errors.ts";
import type { LeaseReply, LeasesReply } from "../../api/leases.ts";
import type { NodeReply, WakeReply } from "../../api/nodes.ts";
import type { PacketReply } from "../../api/packets.ts";
import type { SessionReply } from "../../api/session.ts";
import type { SiteReply } from "../../api/site.ts";

/** The admin API as the page asks it. What it answers has the shapes of `src/api`. */

export interface BootDetail extends BootReply {
  readonly events: readonly { readonly at: string; readonly event: string }[];
  readonly given: BootDetailReply["given"];
  readonly packets: readonly PacketReply[];
}

/** What the server says is wrong, in its words. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "Refused";
    this.status = status;
  }
}

/** What is only read is there sooner. Of a server that lost its power no end of the line is heard. */
const longestAnswerMs = 30_000;

async function ask<T>(path: string, method = "GET", body?: object): Promise<T> {
  const end = new AbortController();
  // What changes something, such as a synchronisation, may take minutes.
  const timer = method === "GET" ? setTimeout(() => end.abort(), longestAnswerMs) : undefined;
  try {
    return await answer<T>(path, method, body, end.signal);
  } finally {
    clearTimeout(timer);
  }
}

async function answer<T>(
  path: string,
  method: string,
  body: object | undefined,
  signal: AbortSignal,
): Promise<T> {
  const reply = await fetch(path, {
    method,
    signal,
    ...(method === "GET" ? {} : { headers: { "content-type": "application/json" } }),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (reply.ok) {
    const value: T = await reply.json();
    return value;
  }
  const wrong: Partial<ErrorReply> = await reply.json().catch(() => ({}));
  throw new Refused(reply.status, wrong.error?.message ?? `${reply.status} ${reply.statusText}`);
}

const part = encodeURIComponent;
const v1 = "/api/v1";

export const api = {
  session: () => ask<SessionReply>(`${v1}/session`),
  signIn: (token: string) => ask<SessionReply>(`${v1}/session`, "POST", { token }),
  signOut: () => ask<SessionReply>(`${v1}/session`, "DELETE"),
  site: () => ask<SiteReply>(`${v1}/site`),
  otherServer: (kind: string, link: string) =>
    ask<{ readonly text: string }>(
      `${v1}/other-servers/${part(kind)}${link === "" ? "" : `?interface=${part(link)}`}`,
    ),
  boots: (query: Readonly<Record<string, string>>) =>
    ask<{ readonly boots: readonly BootReply[]; readonly next: string | null }>(
      `${v1}/boots?${new URLSearchParams(query).toString()}`,
    ),
  boot: (id: string) => ask<BootDetail>(`${v1}/boots/${part(id)}`),
  captureUrl: (id: string, redact: boolean) =>
    `${v1}/boots/${part(id)}/capture?redact=${String(redact)}`,
  code: (code: string, architecture: string | null) =>
    ask<CodeReply>(
      `${v1}/codes/${part(code)}${architecture === null ? "" : `?architecture=${part(architecture)}`}`,
    ),
  node: (mac: string) => ask<NodeReply>(`${v1}/nodes/${part(mac)}`),
  nodes: (cursor: string | null) =>
    ask<{ readonly nodes: readonly NodeReply[]; readonly next: string | null }>(
      `${v1}/nodes?limit=500${cursor === null ? "" : `&cursor=${part(cursor)}`}`,
    ),
  nodesOf: (macs: readonly string[]) =>
    ask<{ readonly nodes: readonly NodeReply[] }>(`${v1}/nodes?mac=${macs.join(",")}`),
  changeNode: (mac: string, change: object) =>
    ask<NodeReply>(`${v1}/nodes/${part(mac)}`, "PATCH", change),
  wake: (mac: string) => ask<WakeReply>(`${v1}/nodes/${part(mac)}/wake`, "POST"),
  leases: (limit: number, cursor: string | null) =>
    ask<LeasesReply>(
      `${v1}/leases?limit=${limit}${cursor === null ? "" : `&cursor=${part(cursor)}`}`,
    ),
  release: (address: string) => ask<LeaseReply>(`${v1}/leases/${part(address)}`, "DELETE"),
  reserve: (address: string) => ask<object>(`${v1}/leases/${part(address)}/pin`, "POST", {}),
  artifacts: () => ask<ArtifactsReply>(`${v1}/artifacts`),
  sync: () => ask<SyncReply>(`${v1}/artifacts/sync`, "POST"),
  verify: () =>
    ask<{ readonly damaged: Readonly<Record<string, string>> }>(`${v1}/artifacts/verify`, "POST"),
  pin: (generation: string | null) => ask<object>(`${v1}/artifacts/pin`, "POST", { generation }),
};
