import { endpoints } from "../../../api/endpoints.ts";
import { printable } from "../../../lib/bytes.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** `/api/v1/boots/{id}/capture`: what was heard of a boot and said to it, as a capture file. */
export function captureRoutes(app: AdminApp, { sessions, captures }: AdminAppOptions): void {
  app.route({
    ...endpoints.downloadCapture,
    handler: ({ params, query }, reply) => {
      const boot = sessions.byId(params.id);
      if (boot === null) {
        throw new ApiError(404, "NOT_FOUND", `no boot is kept as ${printable(params.id)}`);
      }
      const file = captures.fileOf(boot, query.redact);
      if (file === null) {
        throw new ApiError(404, "NOT_FOUND", "packets are not kept: timeline.captures is false");
      }
      const name = boot.id.replaceAll(/[^A-Za-z0-9]+/g, "-");
      return reply
        .type("application/vnd.tcpdump.pcap")
        .header("content-disposition", `attachment; filename="${name}.pcap"`)
        .send(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
    },
  });
}
