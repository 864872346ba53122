import { endpoints } from "../../../api/endpoints.ts";
import { printable } from "../../../lib/bytes.ts";
import { screenCode } from "../../../timeline/codes/screen-code.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp } from "../context.ts";

/** `/api/v1/codes/{code}`: what a code on a machine's screen means. */
export function codeRoutes(app: AdminApp): void {
  app.route({
    ...endpoints.showCode,
    handler: ({ params, query }) => {
      const meanings = screenCode(params.code, query.architecture ?? null);
      if (meanings.length > 0) return { code: params.code, meanings };
      throw new ApiError(404, "NOT_FOUND", `no meaning is known of ${printable(params.code)}`);
    },
  });
}
