import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { StormSite } from "../support/storm-site.ts";
import { ApiServer } from "./api-server.ts";

/* Hardware objects of a real API server, which is away for a minute, while machines boot. */

const MACHINES = 60;
// The last machine is powered on after the API server is back.
const RAMP_SECONDS = 150;

const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "hardware.tinkerbell.org" },
  spec: {
    group: "tinkerbell.org",
    scope: "Namespaced",
    names: { kind: "Hardware", plural: "hardware", singular: "hardware", shortNames: ["hw"] },
    versions: [
      {
        name: "v1alpha1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
    ],
  },
};

const hardware = (index: number, mac: string, host = `node-${index}`, allowPXE = true) => ({
  apiVersion: "tinkerbell.org/v1alpha1",
  kind: "Hardware",
  metadata: { name: `node-${index}`, namespace: "tink" },
  spec: {
    interfaces: [
      {
        dhcp: {
          mac,
          hostname: host,
          ip: { address: `10.77.100.${index + 1}`, netmask: "255.255.0.0" },
        },
        netboot: { allowPXE },
      },
    ],
  },
});

const kubeconfig = {
  "current-context": "here",
  contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "tink" } }],
  clusters: [
    {
      name: "c",
      cluster: { server: "https://127.0.0.1:6443", "insecure-skip-tls-verify": true },
    },
  ],
  users: [{ name: "u", user: { tokenFile: "token" } }],
};

interface Node {
  readonly name: string | null;
  readonly address: string | null;
  readonly hasEntry: boolean;
  readonly denied: string | null;
}

let program: Program;
let site: StormSite;
let api: ApiServer;
beforeAll(async () => {
  program = await Program.build();
  site = await StormSite.open(program, {
    mode: "full",
    loaderBytes: 200_000,
    kernelBytes: 1_000_000,
    initramfsBytes: 2_000_000,
    configuration: { nodes: { format: "kubernetes", kubernetes: { kubeconfig: "kubeconfig" } } },
    // The cluster comes later than the server, which is no reason not to start.
    prepare: (folder) => {
      writeFileSync(join(folder, "kubeconfig"), JSON.stringify(kubeconfig));
      writeFileSync(join(folder, "token"), "none yet");
    },
  });
  api = new ApiServer(site.net, site.serverHost, "127.0.0.1", join(site.folder, "api"));
  await api.open();
});
afterAll(async () => {
  await site?.close();
  await program?.remove();
});

function apply(...objects: readonly object[]): void {
  const items = { apiVersion: "v1", kind: "List", items: objects };
  api.kubectlWith(JSON.stringify(items), "apply", "-f", "-");
}

function curl(path: string): string {
  const url = `http://127.0.0.1:8081${path}`;
  return execFileSync("ip", ["netns", "exec", site.serverHost, "curl", "-s", url]).toString();
}

const node = (mac: string): Node => JSON.parse(curl(`/api/v1/nodes/${mac}`));

/** Of a machine of the simulation, which has a byte of the generator's own card in its address. */
function macOf(index: number): string {
  const words = ["netns", "exec", site.clientHost, "cat", "/sys/class/net/eth0/address"];
  const host = execFileSync("ip", words).toString().trim().slice(-2);
  return `02:65:69:${host}:00:${index.toString(16).padStart(2, "0")}`;
}

test("objects appear, change and go while machines boot, and the API server is away for a minute", async () => {
  apply(definition, { apiVersion: "v1", kind: "Namespace", metadata: { name: "tink" } });
  api.kubectl("wait", "--for=condition=Established", "crd/hardware.tinkerbell.org");
  api.kubectl("-n", "tink", "create", "serviceaccount", "eim-pxe");
  // The rights that the manifests give, and no others.
  const rights = "docker/kubernetes/kustomize/components/hardware/rbac.yaml";
  api.kubectl("-n", "tink", "apply", "-f", rights);
  const token = api.kubectl("-n", "tink", "create", "token", "eim-pxe").trim();
  writeFileSync(join(site.folder, "token"), token);
  apply(...Array.from({ length: 10 }, (_, index) => hardware(index, macOf(index))));

  const storm = site.simulate("--nodes", String(MACHINES), "--ramp", String(RAMP_SECONDS));
  await eventually(() => expect(node(macOf(9))).toMatchObject({ name: "node-9", hasEntry: true }));

  apply(hardware(3, macOf(3), "renamed"), hardware(10, macOf(10)));
  api.kubectl("-n", "tink", "delete", "hardware", "node-4");
  await eventually(() => {
    expect(node(macOf(3))).toMatchObject({ name: "renamed", address: "10.77.100.4" });
    expect(node(macOf(10))).toMatchObject({ name: "node-10", hasEntry: true });
    expect(node(macOf(4)).hasEntry).toBe(false);
  });

  await api.stop();
  await sleep(60_000);
  expect(node(macOf(3))).toMatchObject({ name: "renamed", hasEntry: true });
  expect(curl("/metrics")).toMatch(/^eim_pxe_events_total\{event="nodes-source-away"\} [1-9]/m);
  api.start();
  await api.ready();
  apply(hardware(5, macOf(5), "after-the-minute"));
  // Its owner takes back what it may do: it has booted, and may not again.
  apply(hardware(6, macOf(6), "node-6", false));
  await eventually(() => {
    expect(node(macOf(5)).name).toBe("after-the-minute");
    expect(node(macOf(6)).denied).not.toBeNull();
  });

  const { code, result, output } = await storm;
  expect({ code, booted: result?.booted, output }).toMatchObject({ code: 0, booted: MACHINES });
  const boots: { boots: readonly { mac: string; address: string | null }[] } = JSON.parse(
    curl(`/api/v1/boots?limit=${MACHINES}`),
  );
  const addressOf = (mac: string) => boots.boots.find((boot) => boot.mac === mac)?.address;
  expect(addressOf(macOf(10))).toBe("10.77.100.11");
});
