import { z } from "zod";
import { filePath, originUrl } from "../values.ts";

/** `nodes.orchestrator`: the orchestrator's API, asked whether a machine is registered there. */
export const orchestratorApi = z.strictObject({
  apiUrl: originUrl.meta({
    description: "Where the API is: the part of its URLs before `/v1`.",
    examples: ["https://api.example.com"],
  }),
  project: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, "must be the name of a project")
    .meta({
      description: "The orchestrator's project that the machines are registered in.",
      examples: ["default"],
    }),
  issuerUrl: originUrl.meta({
    description:
      "Who issues the tokens for it (OpenID Connect, Keycloak): the URL before `/.well-known/openid-configuration`.",
    examples: ["https://keycloak.example.com/realms/master"],
  }),
  clientId: z
    .string()
    .min(1)
    .max(255)
    .default("system-client")
    .meta({
      description: "What we call ourselves there (OAuth client id).",
      examples: ["system-client"],
    }),
  clientSecretFile: filePath("/etc/eim-pxe/client-secret").nullable().default(null).meta({
    description:
      "A file with the secret of that client, where it has one. Without user and password it is all that is logged in by (client credentials).",
    unset: "the client has none",
  }),
  usernameFile: filePath("/etc/eim-pxe/orchestrator-user").nullable().default(null).meta({
    description:
      "A file with the name of a user who may read the project's hosts (role `PROJECT-ID_im-r`) and nothing else.",
    unset: "`clientSecretFile` alone",
  }),
  passwordFile: filePath("/etc/eim-pxe/orchestrator-password").nullable().default(null).meta({
    description: "A file with that user's password. Read at each login, and never logged.",
    unset: "`clientSecretFile` alone",
  }),
  reportStages: z.boolean().default(false).meta({
    description:
      "Whether the last stage of each registered machine's boot is written into the metadata of its host there, so that whoever looks at the orchestrator sees early that it began to boot. The user needs the role `PROJECT-ID_im-rw` then.",
    see: "configuration.md#the-last-stage-at-the-orchestrator",
  }),
  caFile: filePath("/etc/eim-pxe/orchestrator-ca.pem").nullable().default(null).meta({
    description: "The CA, as PEM file, that signed the certificates of both.",
    unset: "the public CAs",
  }),
});
