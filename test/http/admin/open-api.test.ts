import { Validator } from "@seriousme/openapi-schema-validator";
import { expect, test } from "vitest";
import { z } from "zod";
import { endpoints } from "../../../src/api/endpoints.ts";
import { AdminSite } from "../../support/admin-site.ts";

const operation = z.looseObject({
  summary: z.string(),
  requestBody: z.looseObject({ required: z.boolean().default(false) }).optional(),
});
const document = z.object({
  openapi: z.string().startsWith("3.1"),
  paths: z.record(z.string(), z.record(z.string(), operation)),
});

test("the OpenAPI document is valid and describes every endpoint", async () => {
  const site = new AdminSite();
  const reply = await site.app().inject("/openapi.json");
  expect(await new Validator().validate(reply.json())).toEqual({ valid: true });
  const { paths } = document.parse(reply.json());
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = Object.values(endpoints).map(
    ({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, "{$1}")}`,
  );
  expect(described.toSorted()).toEqual(served.toSorted());
  const needsBody = (path: string) => paths[path]?.["post"]?.requestBody?.required;
  expect(needsBody("/api/v1/leases")).toBe(true);
  expect(needsBody("/api/v1/leases/{address}/pin")).toBe(false);
  expect(needsBody("/api/v1/artifacts/sync")).toBe(false);
  // What we only read must not be called what clients must not send.
  expect(reply.body).not.toContain("readOnly");
  await site.close();
});
