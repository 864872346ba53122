import { z } from "zod";
import { filePath, seconds } from "../values.ts";

const label = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const leader = z
  .strictObject({
    kubernetesLease: z
      .string()
      .regex(label, "must be the name of a Lease object, such as eim-pxe")
      .nullable()
      .default(null)
      .meta({
        description:
          "The name of the Lease object (coordination.k8s.io/v1) by which replicas agree on who answers. The one that holds it answers DHCP in mode full; all of them hand out files and answer in mode proxy.",
        unset: "this server is the only one",
        examples: ["eim-pxe"],
        see: "kubernetes.md#several-replicas",
        since: "0.2.0",
      }),
    namespace: z
      .string()
      .regex(label, "must be the name of a namespace")
      .nullable()
      .default(null)
      .meta({
        description: "The namespace that the Lease object is in.",
        unset: "the service account's, or that of the kubeconfig's context",
        examples: ["eim-pxe"],
        since: "0.2.0",
      }),
    kubeconfig: filePath("/etc/eim-pxe/kubeconfig").nullable().default(null).meta({
      description: "The file that says how to reach the cluster.",
      unset: "the pod's own service account",
      since: "0.2.0",
    }),
    leaseSeconds: seconds.min(6).max(300).default(15).meta({
      description:
        "How long another replica waits for a leader that is silent, before it takes over. The leader itself stops answering after two thirds of it. More bears a longer outage of the API server, less makes the gap shorter when a node is lost.",
      since: "0.2.0",
    }),
    journalDir: filePath("/var/lib/eim-pxe-leases").nullable().default(null).meta({
      description:
        "The folder of the lease journal, on a volume that all replicas share (ReadWriteMany) and only the leader writes to.",
      unset: "`dataDir`: each replica has its own, and a new leader learns the leases again",
      see: "kubernetes.md#where-the-leases-of-the-machines-are",
      since: "0.2.0",
    }),
  })
  .prefault({})
  .meta({
    description: "Which of several replicas gives out addresses in mode full.",
    since: "0.2.0",
  });
