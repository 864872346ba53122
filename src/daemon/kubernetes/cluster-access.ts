import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { readText } from "../../config/load.ts";
import { readYaml } from "../../config/yaml.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import type { Environment } from "../settings/environment.ts";

/** How to reach the API server of a Kubernetes cluster. */
export interface ClusterAccess {
  /** Without a slash at its end. */
  readonly server: string;
  /** Null: all namespaces. */
  readonly namespace: string | null;
  /** Read anew for each request, for it is renewed under us; null: none. */
  readonly token: () => string | null;
  readonly tls: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    readonly servername?: string;
    readonly rejectUnauthorized?: boolean;
  };
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What the configuration says of a cluster. */
export interface ClusterSetting {
  /** The key that needs the cluster, and the one that names a kubeconfig, for messages. */
  readonly neededBy: string;
  readonly kubeconfigKey: string;
  readonly kubeconfig: string | null;
  readonly namespace: string | null;
}

/**
 * By a kubeconfig, else by the pod's own service account.
 *
 * @throws ConfigError when there is neither, or it cannot be used
 */
export function clusterAccess(setting: ClusterSetting, environment: Environment): ClusterAccess {
  const { kubeconfig, namespace } = setting;
  if (kubeconfig !== null) return fromKubeconfig(kubeconfig, namespace);
  return fromServiceAccount(setting, environment);
}

function fromServiceAccount(setting: ClusterSetting, environment: Environment): ClusterAccess {
  const { neededBy, kubeconfigKey, namespace } = setting;
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (host === undefined) {
    throw new ConfigError([
      `${neededBy}: this is no pod of a cluster (KUBERNETES_SERVICE_HOST is not set); name a file under ${kubeconfigKey}`,
    ]);
  }
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: namespace ?? ofAccount("namespace").trim(),
    token: () => ofAccount("token").trim(),
    tls: { ca: ofAccount("ca.crt") },
  };
}

function ofAccount(name: string): string {
  return readText(`${SERVICE_ACCOUNT}/${name}`, "service account's");
}

const text = z.string().nullish();
const cluster = z.looseObject({
  server: z.string(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().nullish(),
  "tls-server-name": text,
});
const user = z.looseObject({
  token: text,
  tokenFile: text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  exec: z.unknown().optional(),
});
const context = z.looseObject({ cluster: z.string(), user: z.string(), namespace: text });
const kubeconfigShape = z.looseObject({
  "current-context": z.string(),
  clusters: z.array(z.looseObject({ name: z.string(), cluster })),
  users: z.array(z.looseObject({ name: z.string(), user })),
  contexts: z.array(z.looseObject({ name: z.string(), context })),
});

function fromKubeconfig(file: string, namespace: string | null): ClusterAccess {
  const read = kubeconfigShape.safeParse(readYaml(readText(file, "kubeconfig"), file).value);
  const wrong = (what: string) => new ConfigError([`${file}:1:1: ${what}`]);
  if (!read.success) throw wrong("is not a kubeconfig with a current-context");
  const find = <T extends { readonly name: string }>(
    list: readonly T[],
    kind: string,
    name: string,
  ): T => {
    const found = list.find((one) => one.name === name);
    if (found === undefined) throw wrong(`has no ${kind} "${name}"`);
    return found;
  };
  const { "current-context": current, contexts, clusters, users } = read.data;
  const at = find(contexts, "context", current).context;
  const of = find(clusters, "cluster", at.cluster).cluster;
  const who = find(users, "user", at.user).user;
  if (who.exec !== undefined) {
    throw wrong(
      `the user "${at.user}" gets its token by a command (exec), which is not run here; use a token, a tokenFile or a client certificate`,
    );
  }
  const beside = (path: string) => resolve(dirname(file), path);
  const pem = (path: string | null | undefined, data: string | null | undefined) => {
    if (data != null) return Buffer.from(data, "base64").toString("utf8");
    return path == null ? undefined : readText(beside(path), "kubeconfig's");
  };
  const [ca, cert, key] = [
    pem(of["certificate-authority"], of["certificate-authority-data"]),
    pem(who["client-certificate"], who["client-certificate-data"]),
    pem(who["client-key"], who["client-key-data"]),
  ];
  const { tokenFile } = who;
  return {
    server: of.server.replace(/\/+$/, ""),
    namespace: namespace ?? at.namespace ?? null,
    token: () =>
      tokenFile == null ? (who.token ?? null) : readFileSync(beside(tokenFile), "utf8").trim(),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(of["tls-server-name"] == null ? {} : { servername: of["tls-server-name"] }),
      ...(of["insecure-skip-tls-verify"] === true ? { rejectUnauthorized: false } : {}),
    },
  };
}

/** The token as a header; what cannot be read now is the API server's to refuse. */
export function authorization({ token }: ClusterAccess): Readonly<Record<string, string>> {
  try {
    const found = token();
    return found === null ? {} : { authorization: `Bearer ${found}` };
  } catch (error) {
    throw new ConfigError([`the token cannot be read: ${messageOf(error)}`]);
  }
}
