import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { type SmeeFlavour, smeeLayouts } from "../../../boot/smee-layout.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import { type BootAppContext, refuse, refuseUnknown } from "../context.ts";
import { sendLoader } from "./loaders.ts";
import { sendAutoexec, sendBootScript } from "./script.ts";

const rest = z.object({ "*": z.string() });

/** SMEE's URLs beside ours: what its answers name, and what scripts and tools of such sites ask for. */
export function smeeRoutes(
  app: FastifyInstance,
  options: BootAppContext,
  flavour: SmeeFlavour,
): void {
  const { binaryFolder, scriptFolder } = smeeLayouts[flavour];
  const route = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown) =>
    app.route({ method: ["GET", "HEAD"], url, handler });

  route(`${binaryFolder}*`, (request, reply) => {
    const { folder, name } = splitPath(rest.parse(request.params)["*"]);
    const mac = macIn(folder);
    return name === "autoexec.ipxe"
      ? sendAutoexec(options, request, reply, mac)
      : sendLoader(options, request, reply, { name, mac });
  });
  app.route({
    method: ["POST", "PUT", "PATCH", "DELETE"],
    url: `${binaryFolder}*`,
    handler: (request, reply) => {
      reply.header("allow", "GET, HEAD");
      return refuse(options, request, reply, { status: 405, reason: "method not allowed" });
    },
  });
  // A folder that is no MAC counts for nothing: the machine is known by its address then.
  const script = (request: FastifyRequest, reply: FastifyReply) => {
    const { folder, name } = splitPath(request.url.replace(/\?.*$/, ""));
    return name === "auto.ipxe"
      ? sendBootScript(options, request, reply, macIn(folder))
      : refuseUnknown(options, request, reply);
  };
  if (scriptFolder === "/") {
    route("/auto.ipxe", script);
    route("/:mac/auto.ipxe", script);
    route("/*", script);
  } else {
    route(`${scriptFolder}*`, script);
  }
}

function splitPath(path: string): { folder: string; name: string } {
  const parts = path.split("/");
  return { folder: parts.at(-2) ?? "", name: parts.at(-1) ?? "" };
}

/** With colons, dashes or dots; bare digits are no MAC to SMEE. */
function macIn(folder: string): Mac | null {
  try {
    const text = decodeURIComponent(folder);
    return /[:.-]/.test(text) ? parseMac(text) : null;
  } catch {
    return null;
  }
}
