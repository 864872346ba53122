import { type Endpoint, type EndpointRequest, urlOf } from "../../api/endpoint.ts";
import { errorReply } from "../../api/errors.ts";
import { messageOf, UnreachableError } from "../../lib/errors.ts";
import type { Settings } from "../../daemon/settings/settings.ts";
import { askJson } from "../../daemon/state/ask-json.ts";
import type { Program } from "./context.ts";
import { findRunning, requireSight, trustedBy } from "../../daemon/state/instance-file.ts";

/** The server that works in a data folder, as its admin port answers. */
export interface AdminClient {
  /**
   * What the server answers, or a string: what it says is wrong.
   *
   * @throws UnreachableError when it does not answer
   */
  ask<T extends object>(endpoint: Endpoint<T>, what?: EndpointRequest): Promise<T | string>;
}

type Access = Pick<Settings, "config" | "adminToken"> & {
  /** Who runs the command, for what is decided by it. */
  readonly user?: string | null;
};

/** Who runs a command: whoever called sudo, where somebody did. */
export function userOf({ environment }: Pick<Program, "environment">): string | null {
  const name = environment["SUDO_USER"] ?? environment["USER"] ?? environment["LOGNAME"] ?? "";
  return /^[\w.@-]{1,32}$/.test(name) ? name : null;
}

/**
 * The server that works in the configuration's data folder; null when none does.
 *
 * @throws UnreachableError when there is one that stays silent, or this user may not look
 */
export async function findAdmin({
  config,
  adminToken,
  user = null,
}: Access): Promise<AdminClient | null> {
  const { dataDir } = config;
  const running = await findRunning(dataDir);
  if (running === null) {
    await requireSight(dataDir);
    return null;
  }
  const { pid, admin } = running;
  const unreachable = (why: string, options?: ErrorOptions): UnreachableError =>
    new UnreachableError(
      `the server of ${dataDir} (pid ${pid}) could not be asked at ${admin}: ${why}. ` +
        "Look at its log, or restart it.",
      options,
    );
  if (!running.answers) throw unreachable("it does not answer");
  return {
    ask: async (endpoint, what = {}) => {
      const { method, schema } = endpoint;
      const { body } = what;
      try {
        const headers = {
          ...(adminToken === null ? {} : { authorization: `Bearer ${adminToken}` }),
          ...(method === "GET" ? {} : { "content-type": "application/json" }),
          ...(user === null ? {} : { "x-eim-pxe-user": user }),
        };
        const url = `${admin}${urlOf(endpoint, what)}`;
        const answer = await askJson(url, {
          method,
          headers,
          body: body ?? null,
          trusted: await trustedBy(running),
        });
        const result = schema.response[200].safeParse(answer.body);
        return answer.status === 200 && result.success ? result.data : errorIn(answer.body);
      } catch (error) {
        throw unreachable(messageOf(error), { cause: error });
      }
    },
  };
}

/** All pages of a list, one after the other, or a string: what the server says is wrong. */
export async function askPages<T extends { readonly next: string | null }>(
  admin: AdminClient,
  endpoint: Endpoint<T>,
  filter: EndpointRequest["query"] = {},
): Promise<readonly T[] | string> {
  const pages: T[] = [];
  let cursor: string | null = null;
  do {
    const query: EndpointRequest["query"] = cursor === null ? filter : { ...filter, cursor };
    const page: T | string = await admin.ask(endpoint, { query });
    if (typeof page === "string") return page;
    pages.push(page);
    cursor = page.next;
  } while (cursor !== null);
  return pages;
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

/** What the admin port says was wrong. */
function errorIn(body: unknown): string {
  const found = errorReply.safeParse(body);
  return found.success ? found.data.error.message : JSON.stringify(body);
}
