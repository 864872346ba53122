import type { Config } from "../../config/schema.ts";
import { type ClusterAccess, clusterAccess } from "../kubernetes/cluster-access.ts";
import type { Environment } from "../settings/environment.ts";

/** @throws ConfigError when the cluster of `nodes.kubernetes` cannot be reached so */
export function nodesAccess({ nodes }: Config, environment: Environment): ClusterAccess {
  const { kubeconfig = null, namespace = null } = nodes.kubernetes ?? {};
  const keys = {
    neededBy: "nodes.format: kubernetes",
    kubeconfigKey: "nodes.kubernetes.kubeconfig",
  };
  return clusterAccess({ ...keys, kubeconfig, namespace }, environment);
}
