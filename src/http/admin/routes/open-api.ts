import { endpoints } from "../../../api/endpoints.ts";
import type { AdminApp } from "../context.ts";

/** `/openapi.json`: the description of the API, for programs. */
export function openApiRoutes(app: AdminApp, { version }: { readonly version: string }): void {
  app.route({
    ...endpoints.openApi,
    handler: async () => {
      const { describeApi } = await import("../open-api.ts");
      return describeApi(version);
    },
  });
}
