import { z } from "zod";
import { filePath } from "../values.ts";
import { orchestratorApi } from "./orchestrator.ts";

/** `nodes`, `timeline` and `log`: who may boot, and what is kept and told of it; and `user`, as whom the server runs. */

export const user = z
  .union([
    z.int().min(0).max(0xff_ff_ff_fe),
    z
      .string()
      .regex(
        /^([a-z_][a-z0-9_.-]{0,31}\$?|\d{1,10}(:\d{1,10})?)$/i,
        "must be auto, root, the name of a user, or numbers: 10067 or 10067:10067",
      ),
  ])
  .default("auto")
  .meta({
    description:
      "As whom the server runs where root has started it: a user's name or number, with `:` and a number for another group than its own. It becomes that user before it opens anything, keeps no right of root's but ports below 1024, and `dataDir` is given to it. `auto`: the owner of `dataDir` where that is not root, else user `eim-pxe` where there is one and it may read what the configuration names; else it stays root and event `root-kept` says why. `root`: it stays root.",
    see: "systemd.md#started-by-root",
    since: "0.2.0",
    examples: ["eim-pxe", 10067],
  });

export const nodes = z
  .strictObject({
    unknown: z.enum(["allow", "deny"]).default("allow").meta({
      description:
        "Whether machines that no entry matches may boot. With `deny` they wait until somebody decides about them.",
      see: "booting.md#who-may-boot",
    }),
    file: filePath("/etc/eim-pxe/nodes.yaml").nullable().default(null).meta({
      description:
        "The file with what is known of single machines: names, reserved addresses, who may boot. Read again when it changes, and at SIGHUP.",
      see: "configuration.md#nodes-file",
    }),
    format: z.enum(["eim", "tinkerbell", "orchestrator-csv", "kubernetes"]).default("eim").meta({
      description:
        "What the file is. `eim`: a nodes file. `tinkerbell`: Hardware objects. `orchestrator-csv`: the list that the orchestrator registers machines from. `kubernetes`: no file, but the Hardware objects of a cluster.",
      see: "configuration.md#other-sources-of-nodes",
      since: "0.2.0",
    }),
    kubernetes: z
      .strictObject({
        kubeconfig: filePath("/etc/eim-pxe/kubeconfig").nullable().default(null).meta({
          description: "The file that says how to reach the cluster.",
          unset: "the pod's own service account",
        }),
        namespace: z
          .string()
          .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "must be the name of a namespace")
          .nullable()
          .default(null)
          .meta({
            description: "The namespace that the Hardware objects are in.",
            unset: "the service account's, or that of the kubeconfig's context",
            examples: ["tink-system"],
          }),
      })
      .nullable()
      .default(null)
      .meta({
        description: "The cluster that `nodes.format: kubernetes` watches.",
        unset: "the one that the pod runs in",
        since: "0.2.0",
      }),
    orchestrator: orchestratorApi.nullable().default(null).meta({
      description:
        "The orchestrator's API, asked of each machine that boots whether it is registered there. Nothing is decided by the answer, and no machine waits for it.",
      unset: "it is not asked",
      see: "configuration.md#is-this-machine-registered",
      since: "0.2.0",
    }),
  })
  .prefault({})
  .meta({ description: "Who may boot, and what is known of single machines." });

export const timeline = z
  .strictObject({
    keepBoots: z.int().min(100).max(1_000_000).default(10_000).meta({
      description:
        "How many boots of all machines are kept, also over a restart (`timeline.jsonl` in `dataDir`); of one machine at most 50. Some 10 kB of disk for each.",
      unit: "boots",
      since: "0.2.0",
    }),
    captures: z.boolean().default(true).meta({
      description:
        "Whether the last DHCP and TFTP packets of each machine are kept in memory (28 MB at most), to be looked at and downloaded.",
      see: "booting.md#what-a-machine-and-the-server-said-to-each-other",
      since: "0.2.0",
    }),
  })
  .prefault({})
  .meta({ description: "What is kept of machines' boots.", since: "0.2.0" });

export const log = z
  .strictObject({
    level: z.enum(["debug", "info", "warn", "error"]).default("info").meta({
      description:
        "The least important events that still get a line in the log. `debug` has every packet that was passed over.",
      see: "logs.md",
    }),
  })
  .prefault({})
  .meta({ description: "The log on standard output." });
