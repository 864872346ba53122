import { endpoints } from "../../../api/endpoints.ts";
import { openApiReply } from "../../../api/endpoint.ts";
import type { AdminApp } from "../context.ts";

/** `/openapi.json`: the description of the API, for programs. */
export function openApiRoutes(app: AdminApp): void {
  app.route({ ...endpoints.openApi, handler: () => openApiReply.parse(app.swagger()) });
}
