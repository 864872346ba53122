import { z } from "zod";

/**
 * One request that the admin port answers: what it takes and what it answers when all is well. In the form
 * in which Fastify takes a route, which adds only how it is handled. What is wrong is answered by `errorReply`.
 */
export interface Endpoint<Reply = unknown> {
  readonly method: "GET" | "PATCH" | "POST" | "DELETE";
  /** With `:name` for each of `params`. */
  readonly url: string;
  readonly schema: {
    readonly summary: string;
    /** What else there is to know, in whole sentences. */
    readonly description?: string;
    /** The content type of what is answered; default: JSON. */
    readonly produces?: readonly string[];
    readonly params?: z.ZodType;
    readonly querystring?: z.ZodType;
    readonly body?: z.ZodType;
    readonly response: { readonly 200: z.ZodType<Reply>; readonly 503?: z.ZodType };
  };
}

/** What is sent to an endpoint. */
export interface EndpointRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** The path and query of a request to an endpoint. */
export function urlOf({ url }: Endpoint, { params = {}, query = {} }: EndpointRequest): string {
  const path = url.replaceAll(/:(\w+)/g, (_, name: string) =>
    encodeURIComponent(params[name] ?? ""),
  );
  const search = new URLSearchParams(query).toString();
  return search === "" ? path : `${path}?${search}`;
}

/** The OpenAPI document that describes all of them. */
export const openApiReply = z.looseObject({
  openapi: z.string(),
  info: z.object({ title: z.string(), version: z.string(), description: z.string() }),
  paths: z.record(z.string(), z.unknown()),
});
