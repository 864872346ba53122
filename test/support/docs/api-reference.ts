import { z } from "zod";
import type { Endpoint } from "../../../src/api/endpoint.ts";
import { keysOf } from "./config-keys.ts";
import { table } from "./parts.ts";

/* The admin port's endpoints for people, from the shapes that requests are judged by. */

/** A section for each endpoint: what it takes and what it answers. */
export function apiReference(endpoints: readonly Endpoint[]): string {
  // A shape that several answer is shown once.
  const shown = new Map<string, string>();
  return endpoints
    .map((endpoint) => {
      const { summary, description } = endpoint.schema;
      return [
        `### ${titleOf(endpoint)}`,
        `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.${description === undefined ? "" : ` ${description}`}`,
        ...takenBy(endpoint),
        answerOf(endpoint, shown),
      ].join("\n\n");
    })
    .join("\n\n");
}

function titleOf({ method, url }: Endpoint): string {
  return `${method} ${url.replaceAll(/:(\w+)/g, "{$1}")}`;
}

function takenBy({ schema: { params, querystring, body } }: Endpoint): readonly string[] {
  const rows = [
    ...keysIn("path", params),
    ...keysIn("query", querystring),
    ...keysIn("body", body),
  ];
  return rows.length === 0 ? [] : [table(["takes", "in", "value", ""], rows)];
}

function keysIn(place: string, schema: z.ZodType | undefined): readonly (readonly string[])[] {
  if (schema === undefined) return [];
  return keysOf(schema).map((key) => [`\`${key.path}\``, place, key.type, key.description]);
}

function answerOf(endpoint: Endpoint, shown: Map<string, string>): string {
  const { produces, response } = endpoint.schema;
  if (produces !== undefined) return `Answers \`${produces.join(", ")}\`.`;
  const rows = keysOf(response[200], "output").map(({ path, type, description }) => [
    `\`${path}\``,
    type,
    description,
  ]);
  const text = table(["answers", "value", ""], rows);
  const before = shown.get(text);
  if (before !== undefined) return `Answers the same as ${before}.`;
  shown.set(text, titleOf(endpoint));
  return text;
}
