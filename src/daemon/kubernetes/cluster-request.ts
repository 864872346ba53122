import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { errnoOf, SyncError } from "../../lib/errors.ts";
import { authorization, type ClusterAccess } from "./cluster-access.ts";

/** The API server answered with a status that is none of success. */
export class ClusterError extends SyncError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** An answer of 500 objects has some megabytes. */
const LIMIT_BYTES = 128 * 1024 * 1024;
const SILENT_MS = 30_000;

/** What is asked for, and for how long an answer is waited for. */
export interface Asked {
  readonly signal: AbortSignal;
  /** It is given up when nothing comes for so long; default: 30 s. */
  readonly silentMs?: number;
  /** What the account needs, for a message; default: to read Hardware. */
  readonly needs?: string;
}

/** The body of a GET as JSON. Rejects with `ClusterError`, or with what the system says. */
export function getJson(access: ClusterAccess, path: string, asked: Asked): Promise<unknown> {
  return askJson(access, { method: "GET", path, body: null }, asked);
}

/** Creates (POST) or replaces (PUT) an object; resolves with it as the API server has it now. Rejects as `getJson`. */
export function sendJson(
  access: ClusterAccess,
  method: "POST" | "PUT",
  path: string,
  body: object,
  asked: Asked,
): Promise<unknown> {
  return askJson(access, { method, path, body: JSON.stringify(body) }, asked);
}

interface Question {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body: string | null;
}

async function askJson(access: ClusterAccess, question: Question, asked: Asked): Promise<unknown> {
  const response = await open(access, question, asked);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > LIMIT_BYTES) throw new SyncError("its answer has no end");
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

export interface LinesOptions {
  readonly signal: AbortSignal;
  /** It is given up when nothing comes for so long. */
  readonly silentMs: number;
  /** Called when the server lets it be read. */
  readonly opened: () => void;
}

/**
 * The lines of an answer that goes on. Ends when the server ends it, or when the connection breaks; who stops reading
 * closes the connection.
 */
export async function* getLines(
  access: ClusterAccess,
  path: string,
  { signal, silentMs, opened }: LinesOptions,
): AsyncIterable<string> {
  const response = await open(access, { method: "GET", path, body: null }, { signal, silentMs });
  opened();
  response.setEncoding("utf8");
  let line = "";
  try {
    for await (const text of response as AsyncIterable<string>) {
      const [end = "", ...more] = text.split("\n");
      line += end;
      for (const next of more) {
        yield line;
        line = next;
      }
      if (line.length > LIMIT_BYTES) throw new SyncError("its answer has no end");
    }
  } catch (error) {
    // What was broken off in the middle of a line is asked for again.
    if (errnoOf(error) === "ECONNRESET") return;
    throw error;
  } finally {
    response.destroy();
  }
  if (line !== "") yield line;
}

function open(
  access: ClusterAccess,
  { method, path, body }: Question,
  { signal, silentMs = SILENT_MS, needs = "get, list and watch on hardware.tinkerbell.org" }: Asked,
): Promise<IncomingMessage> {
  const url = `${access.server}${path}`;
  const headers = {
    accept: "application/json",
    ...(body === null ? {} : { "content-type": "application/json" }),
    ...authorization(access),
  };
  return new Promise((resolve, reject) => {
    const options = { method, headers, signal, agent: false as const };
    const asked = url.startsWith("https:")
      ? requestHttps(url, { ...options, ...access.tls })
      : requestHttp(url, options);
    asked.setTimeout(silentMs, () => asked.destroy(new SyncError("it does not answer")));
    asked.on("error", reject);
    asked.once("response", (response) => {
      // One that comes when nobody reads any more.
      response.on("error", () => {});
      const status = response.statusCode ?? 0;
      if (status === 200 || status === 201) return resolve(response);
      response.destroy();
      const what =
        status === 401 || status === 403
          ? `its answer is ${status}: the account needs ${needs}`
          : `its answer is ${status}`;
      return reject(new ClusterError(status, what));
    });
    asked.end(body ?? undefined);
  });
}
