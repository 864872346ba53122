import { fastifySwagger } from "@fastify/swagger";
import { fastify } from "fastify";
import { createJsonSchemaTransform, validatorCompiler } from "fastify-type-provider-zod";
import { z } from "zod";
import { type Endpoint, openApiReply } from "../../api/endpoint.ts";
import { endpoints } from "../../api/endpoints.ts";
import { errorReply } from "../../api/errors.ts";
import { withoutCompilers } from "../own-compilers.ts";

/*
 * The OpenAPI document: made from the shapes that requests are judged by. Few ask for it, so it is loaded when somebody
 * does, and made by routes of its own that nobody can reach.
 */

const shapes = createJsonSchemaTransform({
  zodToJsonConfig: {
    // "Not changed by us" in TypeScript is not OpenAPI's "must not be sent".
    override: ({ jsonSchema }) => void delete jsonSchema.readOnly,
  },
});

const operation = z.looseObject({
  requestBody: z.looseObject({ required: z.boolean().optional() }).optional(),
});
const paths = z.record(z.string(), z.record(z.string(), operation));

const responses = z.record(z.string(), z.unknown());

/** Every request may be refused; what is asked in vain has the same shape everywhere. */
const refusal = {
  description: "what is wrong and what to do about it",
  content: { "application/json": { schema: z.toJSONSchema(errorReply) } },
};

/** The document, for this version of the program. */
export async function describeApi(version: string): Promise<z.infer<typeof openApiReply>> {
  const app = fastify({ logger: false, exposeHeadRoutes: false, ...withoutCompilers });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(() => JSON.stringify);
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
  app.register((routes, _options, done) => {
    for (const { method, url, schema } of Object.values<Endpoint>(endpoints)) {
      routes.route({ method, url, schema, handler: () => null });
    }
    done();
  });
  await app.ready();
  const document = openApiReply.parse(app.swagger());
  const requests = paths.parse(document.paths);
  for (const { method, url, schema } of Object.values<Endpoint>(endpoints)) {
    const request = requests[openApiPath(url)]?.[method.toLowerCase()]?.requestBody;
    // The plugin calls every body needed.
    if (schema.body?.safeParse(undefined).success === true) delete request?.required;
  }
  return { ...document, paths: requests };
}

/** `/leases/:address` → `/leases/{address}`. */
function openApiPath(url: string): string {
  return url.replaceAll(/:(\w+)/g, "{$1}");
}
