import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { nothing } from "./values.ts";

/** A generation as its manifest lists it. */
const manifest = z.object({
  version: z.literal(1),
  origin: z.string().describe("base URL that the files came from"),
  createdAt: z.string().describe("when the set was complete, ISO 8601"),
  files: z
    .array(
      z.object({
        name: z.string(),
        size: z.int().describe("bytes"),
        sha256: z.string(),
        etag: z.string().nullable(),
        lastModified: z.string().nullable(),
      }),
    )
    .readonly(),
});
export type ManifestReply = z.output<typeof manifest>;

const generation = z.object({ id: z.string(), current: z.boolean(), manifest });

const loader = z.object({
  name: z.string(),
  path: z.string(),
  size: z.int().describe("bytes"),
  facts: z.object({
    format: z.enum(["efi", "bios"]),
    machine: z.string().nullable(),
    signed: z.boolean(),
    signedBy: z
      .array(z.string())
      .readonly()
      .describe("the authorities whose keys a firmware with Secure Boot needs to start it"),
    ipxeVersion: z.string().nullable(),
    embedded: z.enum(["script", "smee-marker"]).nullable(),
  }),
});
export type LoaderReply = z.output<typeof loader>;

const assets = z.object({
  directory: z.string(),
  files: z.int().describe("how many machines can fetch; at least so many where `more` is true"),
  more: z.boolean().describe("the folder was not read to its end"),
  listed: z
    .array(
      z.object({
        path: z.string().describe("relative to the folder"),
        size: z.int().describe("bytes"),
        modifiedAt: z.string(),
      }),
    )
    .readonly()
    .describe("the first 1000 by name"),
  passedOver: z
    .array(z.object({ path: z.string(), why: z.string() }))
    .readonly()
    .describe("some of what is there and is not handed out"),
  problem: z.string().nullable().describe("why nothing of it can be handed out"),
});
export type AssetsReply = z.output<typeof assets>;

export const artifactsReply = z.object({
  current: z.string().nullable().describe("the generation that new boots get"),
  pinned: z.string().nullable().describe("the one that the operator chose; null: the newest"),
  generations: z.array(generation).readonly().describe("newest first"),
  loaders: z.array(loader).readonly(),
  assets: assets.nullable().describe("the folder of the site's own files; null: there is none"),
});
export type ArtifactsReply = z.output<typeof artifactsReply>;

export const syncReply = z.object({
  generation: z.string(),
  changed: z.boolean(),
  fetched: z.array(z.object({ file: z.string(), bytes: z.int() })).readonly(),
  durationMs: z.number(),
});
export type SyncReply = z.output<typeof syncReply>;

export const verifyReply = z.object({
  damaged: z.record(z.string(), z.string()).readonly().describe("what is wrong, by generation"),
});

export const pinRequest = z.strictObject({ generation: z.string().max(64).nullable() });
export const pinReply = z.object({
  pinned: z.string().nullable(),
  current: z.string().nullable(),
});

export const adoptRequest = z.strictObject({
  import: z.string().max(64).describe("the name of the import in the data folder"),
});
export const adoptReply = z.object({ generation: z.string() });

/** What is asked of the mirror. */
export const artifactEndpoints = {
  listArtifacts: {
    method: "GET",
    url: "/api/v1/artifacts",
    schema: {
      summary: "generations with their manifests, and the loaders with what each one is",
      response: { 200: artifactsReply },
    },
  },
  sync: {
    method: "POST",
    url: "/api/v1/artifacts/sync",
    schema: {
      summary: "brings the mirror up to date now",
      body: nothing,
      response: { 200: syncReply },
    },
  },
  verifyArtifacts: {
    method: "POST",
    url: "/api/v1/artifacts/verify",
    schema: {
      summary: "reads every generation again",
      description: "The server does that every day by itself.",
      body: nothing,
      response: { 200: verifyReply },
    },
  },
  pinArtifacts: {
    method: "POST",
    url: "/api/v1/artifacts/pin",
    schema: {
      summary: "serves this generation until another is pinned; null: the newest again",
      body: pinRequest,
      response: { 200: pinReply },
    },
  },
  adoptArtifacts: {
    method: "POST",
    url: "/api/v1/artifacts/adopt",
    schema: {
      summary: "makes a generation of an import in the data folder",
      description: "For `eim-pxe artifacts import`, which puts the set into `dataDir` before.",
      body: adoptRequest,
      response: { 200: adoptReply },
    },
  },
} as const satisfies Record<string, Endpoint>;
