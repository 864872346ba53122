import type { FastifyError } from "fastify";
import { z } from "zod";
import type { ApiErrorCode, ErrorReply } from "../../api/errors.ts";
import { messageOf } from "../../lib/errors.ts";
import { errorStatus } from "../error-status.ts";

/** What a handler throws to answer with an error. */
export class ApiError extends Error {
  readonly statusCode: number;
  readonly code: ApiErrorCode;

  constructor(statusCode: number, code: ApiErrorCode, message: string) {
    super(message);
    this.name = "ApiError";
    this.statusCode = statusCode;
    this.code = code;
  }
}

/** That no route has the path. */
export function nothingThere(): ApiError {
  return new ApiError(404, "NOT_FOUND", "nothing is served at this path");
}

/** The answer to whatever was thrown while a request was handled. */
export function answerTo(thrown: unknown): { readonly status: number; readonly reply: ErrorReply } {
  const status = errorStatus(thrown);
  const code = thrown instanceof ApiError ? thrown.code : status < 500 ? "BAD_REQUEST" : "INTERNAL";
  return { status, reply: { error: { code, message: wordsOf(thrown) } } };
}

const places: Readonly<Record<string, string>> = {
  body: "the body",
  querystring: "the query",
  params: "the path",
};

const issue = z.object({ message: z.string(), instancePath: z.string() });

/** Of a request that does not have its shape: every part that is wrong. */
function wordsOf(thrown: unknown): string {
  if (!isInvalidRequest(thrown)) return messageOf(thrown);
  const place = places[thrown.validationContext ?? ""] ?? "the request";
  return thrown.validation
    .map((one) => {
      const { message, instancePath } = issue.parse(one);
      const key = instancePath.slice(1).replaceAll("/", ".");
      return key === "" ? `${place} ${message}` : `${place}: ${key} ${message}`;
    })
    .join("; ");
}

function isInvalidRequest(
  thrown: unknown,
): thrown is FastifyError & { readonly validation: readonly unknown[] } {
  return thrown instanceof Error && "validation" in thrown && Array.isArray(thrown.validation);
}
