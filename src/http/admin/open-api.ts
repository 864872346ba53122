import { fastifySwagger } from "@fastify/swagger";
import { createJsonSchemaTransform } from "fastify-type-provider-zod";
import { z } from "zod";
import { errorReply } from "../../api/errors.ts";
import type { AdminApp } from "./context.ts";

/*
 * The OpenAPI document: made from the shapes that requests are judged by, when the routes are there.
 */

const shapes = createJsonSchemaTransform({
  zodToJsonConfig: {
    // "Not changed by us" in TypeScript is not OpenAPI's "must not be sent".
    override: ({ jsonSchema }) => void delete jsonSchema.readOnly,
  },
});

const responses = z.record(z.string(), z.unknown());

/** Every request may be refused; what is asked in vain has the same shape everywhere. */
const refusal = {
  description: "what is wrong and what to do about it",
  content: { "application/json": { schema: z.toJSONSchema(errorReply) } },
};

/** Prepares the document. To be called before the routes are added. */
export function describeApi(app: AdminApp, version: string): void {
  app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.1",
      info: {
        title: "eim-pxe",
        version,
        description:
          "The admin port of eim-pxe: boots, machines, leases, the mirror, and every event as it happens.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      // Where the document came from.
      servers: [{ url: "/" }],
      components: {
        securitySchemes: {
          token: { type: "http", scheme: "bearer", description: "the token of admin.tokenFile" },
          session: {
            type: "apiKey",
            in: "cookie",
            name: "eim-pxe-session",
            description: "what the dashboard's sign-in gives",
          },
        },
      },
      security: [{ token: [] }, { session: [] }, {}],
    },
    transform: (route) => {
      const { schema, url } = shapes(route);
      const response = responses.parse(schema.response ?? {});
      return { schema: { ...schema, response: { ...response, default: refusal } }, url };
    },
  });
}
