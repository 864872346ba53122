import * as fc from "fast-check";
import type { InjectOptions } from "fastify";
import { expect, test } from "vitest";
import { z } from "zod";
import { AdminSite } from "../support/admin-site.ts";
import { cases } from "../support/cases.ts";

/* Requests made from the API's own description, right and wrong ones: none is answered with a fault of ours. */

const requests = 20_000;

interface Schema {
  readonly type?: string | readonly string[] | undefined;
  readonly enum?: readonly unknown[] | undefined;
  readonly anyOf?: readonly Schema[] | undefined;
  readonly properties?: Readonly<Record<string, Schema>> | undefined;
  readonly items?: Schema | undefined;
  readonly minimum?: number | undefined;
  readonly maximum?: number | undefined;
}

const schema: z.ZodType<Schema> = z.lazy(() =>
  z.looseObject({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    enum: z.array(z.unknown()).optional(),
    anyOf: z.array(schema).optional(),
    properties: z.record(z.string(), schema).optional(),
    items: schema.optional(),
    minimum: z.number().optional(),
    maximum: z.number().optional(),
  }),
);

const operation = z.object({
  parameters: z
    .array(z.object({ name: z.string(), in: z.enum(["path", "query"]), schema }))
    .default([]),
  requestBody: z
    .object({ content: z.object({ "application/json": z.object({ schema }) }) })
    .optional(),
});
type Operation = z.output<typeof operation>;

const document = z.object({ paths: z.record(z.string(), z.record(z.string(), operation)) });

/** Words of the domain reach further into a handler than noise does. */
const words = fc.constantFrom(
  "52:54:00:12:34:56",
  "02-00-00-77-00-01",
  "192.168.77.100",
  "0.0.0.0",
  "g1",
  "g9",
  "PXE-E16",
  "040ee119",
  "2026-03-06T10:00:00Z",
  "-1",
  "1e400",
  "%00",
  "../../etc/passwd",
  "__proto__",
);
const text = fc.oneof(words, fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" }));
const noise = fc.oneof(text, fc.integer(), fc.double(), fc.boolean(), fc.constant(null), fc.json());

function valueOf(of: Schema): fc.Arbitrary<unknown> {
  const right = rightValueOf(of);
  return fc.oneof({ weight: 4, arbitrary: right }, { weight: 1, arbitrary: noise });
}

function rightValueOf(of: Schema): fc.Arbitrary<unknown> {
  if (of.enum !== undefined) return fc.constantFrom(...of.enum);
  if (of.anyOf !== undefined) return fc.oneof(...of.anyOf.map(valueOf));
  const types = [of.type ?? "any"].flat();
  return fc.oneof(...types.map((type) => typedValueOf(type, of)));
}

function typedValueOf(type: string, of: Schema): fc.Arbitrary<unknown> {
  const { minimum = -10, maximum = 1e6 } = of;
  switch (type) {
    case "object": {
      const parts = Object.entries(of.properties ?? {}).map(([key, one]) => [key, valueOf(one)]);
      return fc.record(Object.fromEntries(parts), { requiredKeys: [] });
    }
    case "array":
      return fc.array(valueOf(of.items ?? {}), { maxLength: 4 });
    case "integer":
    case "number":
      return fc.integer({
        min: Math.max(minimum, -1e6),
        max: Math.min(Math.max(maximum, minimum), 1e15),
      });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return text;
  }
}

function requestFor(path: string, method: string, what: Operation): fc.Arbitrary<InjectOptions> {
  const values = Object.fromEntries(
    what.parameters.map((one) => [`${one.in} ${one.name}`, valueOf(one.schema)]),
  );
  const body = what.requestBody?.content["application/json"].schema;
  return fc
    .record({
      values: fc.record(values, { requiredKeys: [] }),
      payload: body === undefined ? fc.constant(undefined) : valueOf(body),
      type: fc.oneof(
        { weight: 9, arbitrary: fc.constant("application/json") },
        {
          weight: 1,
          arbitrary: fc.constantFrom("text/plain", "application/x-www-form-urlencoded"),
        },
      ),
    })
    .map(({ values: given, payload, type }) => {
      const shown = (value: unknown) =>
        typeof value === "string" ? value : (JSON.stringify(value) ?? "");
      const of = new Map(Object.entries(given).map(([name, value]) => [name, shown(value)]));
      const url = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
        encoded(of.get(`path ${name}`)),
      );
      const query = [...of]
        .filter(([name]) => name.startsWith("query "))
        .map(([name, value]) => `${encoded(name.slice(6))}=${encoded(value)}`)
        .join("&");
      return {
        url: query === "" ? url : `${url}?${query}`,
        method: methodOf(method),
        headers: { "content-type": type, host: "localhost" },
        ...(method === "get" ? {} : { payload: JSON.stringify(payload ?? {}) }),
      };
    });
}

function methodOf(name: string): "GET" | "POST" | "PATCH" | "DELETE" {
  return z.enum(["GET", "POST", "PATCH", "DELETE"]).parse(name.toUpperCase());
}

/** A lone surrogate has no form in a URL. */
function encoded(value = "x"): string {
  return encodeURIComponent(Buffer.from(value).toString());
}

test(`none of ${requests} requests is answered with a fault of ours`, async () => {
  const site = new AdminSite();
  const app = site.app();
  const described = document.parse((await app.inject("/openapi.json")).json());
  const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      // Streams do not end.
      .filter(() => path !== "/api/v1/events")
      .map(([method, what]) => requestFor(path, method, what)),
  );
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(fc.oneof(...operations), async (request) => {
      const { statusCode, body } = await app.inject(request);
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
      expect([statusCode < 500, body]).toEqual([true, body]);
    }),
    { numRuns: cases(requests) },
  );
  // Not only refusals: the requests reach what they are made for.
  expect(statuses.get(200)).toBeGreaterThan(cases(requests) / 20);
  await site.close();
}, 300_000);
