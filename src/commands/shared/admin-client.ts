import { z } from "zod";
import { messageOf, UnreachableError } from "../../lib/errors.ts";
import type { Settings } from "../../daemon/settings/settings.ts";
import { askJson } from "../../daemon/state/ask-json.ts";
import { findRunning } from "../../daemon/state/instance-file.ts";

export type AdminMethod = "GET" | "PATCH" | "POST" | "DELETE";

/** The server that works in a data folder, as its admin port answers. */
export interface AdminClient {
  /**
   * What the server answers, or a string: what it says is wrong.
   *
   * @throws UnreachableError when it does not answer
   */
  ask<T extends object>(
    method: AdminMethod,
    path: string,
    shape: z.ZodType<T>,
    body?: object | null,
  ): Promise<T | string>;
}

type Access = Pick<Settings, "config" | "adminToken">;

/**
 * The server that works in the configuration's data folder; null when none does.
 *
 * @throws UnreachableError when there is one that stays silent
 */
export async function findAdmin({ config, adminToken }: Access): Promise<AdminClient | null> {
  const { dataDir } = config;
  const running = await findRunning(dataDir);
  if (running === null) return null;
  const { pid, admin } = running;
  const unreachable = (why: string, options?: ErrorOptions): UnreachableError =>
    new UnreachableError(
      `the server of ${dataDir} (pid ${pid}) could not be asked at ${admin}: ${why}. ` +
        "Look at its log, or restart it.",
      options,
    );
  if (!running.answers) throw unreachable("it does not answer");
  return {
    ask: async (method, path, shape, body = null) => {
      try {
        const headers = adminToken === null ? {} : { authorization: `Bearer ${adminToken}` };
        const answer = await askJson(`${admin}${path}`, { method, headers, body });
        const result = shape.safeParse(answer.body);
        return answer.status === 200 && result.success ? result.data : errorIn(answer.body);
      } catch (error) {
        throw unreachable(messageOf(error), { cause: error });
      }
    },
  };
}

/**
 * The same where there has to be one.
 *
 * @throws UnreachableError when there is none
 */
export async function requireAdmin(settings: Access): Promise<AdminClient> {
  const admin = await findAdmin(settings);
  if (admin !== null) return admin;
  throw new UnreachableError(
    `no server runs in ${settings.config.dataDir}: start it with "eim-pxe serve", or name its configuration with --config`,
  );
}

const failure = z.object({ error: z.object({ message: z.string() }) });

/** What the admin port says was wrong. */
function errorIn(body: unknown): string {
  const found = failure.safeParse(body);
  return found.success ? found.data.error.message : JSON.stringify(body);
}
