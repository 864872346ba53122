import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { apiAddress, ReplicasSite } from "../support/replicas-site.ts";
import { bootThroughTakeOver } from "../support/take-over.ts";
import { ApiServer } from "./api-server.ts";

/* Two replicas in mode full by a Lease object of a real API server, with the rights of the manifests and no others. */

let program: Program;
let site: ReplicasSite | null = null;
beforeAll(async () => {
  program = await Program.build();
});
afterEach(async () => {
  await site?.close();
  site = null;
});
afterAll(() => program?.remove());

const kustomization = (folder: string) => ({
  apiVersion: "kustomize.config.k8s.io/v1beta1",
  kind: "Kustomization",
  namespace: "boot",
  resources: [join(folder, "base")],
  components: ["host-network", "replicas"].map((name) => join(folder, "components", name)),
});

describe.each(["shared", "own"] as const)("with a journal that is %s", (journal) => {
  test("the leader is killed during 20 boots: every machine is up, and never two answer", async () => {
    site = await ReplicasSite.open(program);
    const api = new ApiServer(site.net, site.apiHost, apiAddress, join(site.folder, "api"));
    await api.open();
    api.kubectl("create", "namespace", "boot");
    const manifests = site.write("kustomize", "docker/kubernetes/kustomize", kustomization);
    api.kubectl("apply", "-k", manifests);
    const token = api.kubectl("-n", "boot", "create", "token", "eim-pxe").trim();
    await site.serve({
      cluster: { server: api.url, "insecure-skip-tls-verify": true },
      user: { token },
      namespace: "boot",
      leaseSeconds: 15,
      journal,
      allowOtherServers: false,
    });
    const { servers, up, leader, other } = await bootThroughTakeOver(site);
    expect(up).toBe(20);
    expect(servers).toEqual([site.addressOf(leader), site.addressOf(other)]);
    const holder = api.kubectl("-n", "boot", "get", "lease", "eim-pxe", "-o", "jsonpath={.spec}");
    expect(holder).toContain(`"holderIdentity":"${other}_`);
  });
});
