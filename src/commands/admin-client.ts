import { request } from "undici";
import { z } from "zod";
import { messageOf, UnreachableError } from "../lib/errors.ts";
import type { Settings } from "./configuration.ts";
import { findRunning } from "./running.ts";

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/**
 * Asks the server that works in the configuration's data folder, through its admin port.
 *
 * @throws UnreachableError when there is none, or it does not answer
 */
export async function askAdmin(
  { config, adminToken }: Pick<Settings, "config" | "adminToken">,
  method: "GET" | "PATCH" | "POST" | "DELETE",
  path: string,
  body: object | null = null,
): Promise<AdminAnswer> {
  const { dataDir } = config;
  const running = await findRunning(dataDir);
  if (running === null) {
    throw new UnreachableError(
      `no server runs in ${dataDir}: start it with "eim-pxe serve", or name its configuration with --config`,
    );
  }
  const at = `the server of ${dataDir} (pid ${running.pid}) could not be asked at ${running.admin}`;
  if (!running.answers) {
    throw new UnreachableError(`${at}: it does not answer. Look at its log, or restart it.`);
  }
  try {
    const answer = await request(`${running.admin}${path}`, {
      method,
      headers: {
        ...(adminToken === null ? {} : { authorization: `Bearer ${adminToken}` }),
        ...(body === null ? {} : { "content-type": "application/json" }),
      },
      body: body === null ? null : JSON.stringify(body),
    });
    const received: unknown = await answer.body.json();
    return { status: answer.statusCode, body: received };
  } catch (error) {
    throw new UnreachableError(`${at}: ${messageOf(error)}`, { cause: error });
  }
}

const failure = z.object({ error: z.object({ message: z.string() }) });

/** What the admin port says was wrong. */
export function errorIn(body: unknown): string {
  const found = failure.safeParse(body);
  return found.success ? found.data.error.message : JSON.stringify(body);
}
