import { z } from "zod";
import { artifacts } from "./keys/artifacts.ts";
import { assets } from "./keys/assets.ts";
import { boot } from "./keys/boot.ts";
import { notify, syslog, telemetry } from "./keys/elsewhere.ts";
import { admin, http } from "./keys/http.ts";
import { dhcp, interfaces, type network } from "./keys/links.ts";
import type { orchestratorApi } from "./keys/orchestrator.ts";
import { iso } from "./keys/iso.ts";
import { leader } from "./keys/leader.ts";
import { leases } from "./keys/leases.ts";
import { log, nodes, timeline, user } from "./keys/site.ts";
import { tftp } from "./keys/tftp.ts";
import { ownMeta } from "./keys/meta.ts";

export { splitListen } from "./keys/http.ts";
export { splitTftpServer } from "./keys/tftp.ts";

/**
 * The configuration file: types, defaults, and what each key is for, which `docs/configuration.md` and
 * `eim-pxe schema` show. Unknown keys are errors.
 */
export const configSchema = z
  .strictObject({
    dataDir: z
      .string()
      .min(1)
      .default("/var/lib/eim-pxe")
      .meta({
        description:
          "The folder for what has to survive a restart: the mirror, leases, boots, what was learnt about machines. Never a temporary folder, and one server only in each.",
        examples: ["/var/lib/eim-pxe"],
      }),
    user,
    interfaces,
    dhcp,
    boot,
    tftp,
    http,
    assets,
    iso,
    admin,
    artifacts,
    nodes,
    leases,
    leader,
    timeline,
    notify,
    telemetry,
    syslog,
    log,
  })
  .prefault({});

export type Config = z.output<typeof configSchema>;
export type OrchestratorConfig = z.output<typeof orchestratorApi>;
export type LinkConfig = Config["interfaces"][number];
export type NetworkConfig = z.output<typeof network>;

/**
 * The configuration's JSON Schema.
 * @param target the version: editors take the newest, Helm knows `draft-7`
 */
export function configJsonSchema(target: "draft-2020-12" | "draft-7" = "draft-2020-12"): object {
  return z.toJSONSchema(configSchema, {
    io: "input",
    target,
    override: ({ jsonSchema }) => {
      for (const name of ownMeta) Reflect.deleteProperty(jsonSchema, name);
    },
  });
}

/** Whether `boot.script` is the path of a script of the site's own. */
export function isOwnScript({ script }: Pick<Config["boot"], "script">): boolean {
  return script !== "mirror" && script !== "hook";
}

/** What is mirrored: by default what the path of the boots needs. */
export function mirroredFiles(config: Config): readonly string[] {
  const { files } = config.artifacts;
  if (files !== null) return files;
  const { path, script, hook } = config.boot;
  if (path === "orchestrator") return [ORCHESTRATOR_LOADER];
  return script === "hook"
    ? [`${hook.kernel}-x86_64`, `${hook.initrd}-x86_64`]
    : ["boot.ipxe", "vmlinuz-x86_64", "initramfs-x86_64"];
}

/** The orchestrator's own loader, which goes its own way to the cloud. */
export const ORCHESTRATOR_LOADER = "signed_ipxe.efi";
