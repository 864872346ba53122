import { endpoints } from "../../../api/endpoints.ts";
import { printable } from "../../../lib/bytes.ts";
import { AllBoots } from "../all-boots.ts";
import { ApiError } from "../api-error.ts";
import type { AdminApp, AdminAppOptions } from "../context.ts";

/** `/api/v1/boots/{id}/capture`: what was heard of a boot and said to it, as a capture file. */
export function captureRoutes(app: AdminApp, options: AdminAppOptions): void {
  const { captures } = options;
  const all = new AllBoots(options);
  app.route({
    ...endpoints.downloadCapture,
    handler: async ({ params, query }, reply) => {
      const seen = all.byId(params.id);
      if (seen === null) {
        throw new ApiError(404, "NOT_FOUND", `no boot is kept as ${printable(params.id)}`);
      }
      const { boot, server } = seen;
      if (server !== null) {
        const where = `the server ${printable(server.name)} has the packets of this boot: ask it`;
        throw new ApiError(404, "NOT_FOUND", where);
      }
      const file = await captures.fileOf(boot, query.redact);
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
