import { z } from "zod";

/** The OpenAPI document of the admin port. */
export const openApiReply = z.looseObject({
  openapi: z.string(),
  info: z.object({ title: z.string(), version: z.string(), description: z.string() }),
  paths: z.record(z.string(), z.unknown()),
});
