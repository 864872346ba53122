import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adminToken, ApiServer, cache } from "./api-server.ts";

/* `install.sh --kubernetes` against a real API server, which has no nodes: nothing of it runs. */

const folder = mkdtempSync(join(tmpdir(), "eim-pxe-uninstall-"));
const { net, api } = ApiServer.alone(join(folder, "api"));

beforeAll(async () => {
  await api.open();
  writeFileSync(
    join(folder, "kubeconfig"),
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "a",
      contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
      clusters: [{ name: "a", cluster: { server: api.url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "a", user: { token: adminToken } }],
    }),
  );
});
afterAll(async () => {
  await net.close();
  rmSync(folder, { recursive: true, force: true });
});

function script(verb: string, ...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    "ip",
    ["netns", "exec", api.host, "bash", "docker/install.sh", verb, "--kubernetes", ...words],
    {
      env: {
        ...process.env,
        KUBECONFIG: join(folder, "kubeconfig"),
        PATH: `${join(cache, "bin")}:${process.env["PATH"] ?? ""}`,
      },
    },
  );
  return { status, out: `${stdout.toString()}${stderr.toString()}` };
}

const site = ["--interface", "eth1", "--namespace", "shared"];
const named = () =>
  api
    .kubectl("-n", "shared", "get", "secret,configmap,statefulset,service,role", "-o", "name")
    .split("\n")
    .filter((name) => name !== "" && name !== "configmap/kube-root-ca.crt");

test("uninstall takes its own away, and leaves a namespace that was there before with all else in it", () => {
  api.kubectl("create", "namespace", "shared");
  api.kubectl("-n", "shared", "create", "secret", "generic", "of-somebody-else");
  const before = script("diff", ...site);
  expect(before.status).toBe(1);
  // No node runs it, so that it does not become ready.
  expect(script("install", ...site, "--patience", "1").status).not.toBe(0);
  expect(named()).toContain("statefulset.apps/eim-pxe");
  expect(script("diff", ...site)).toMatchObject({
    status: 0,
    out: expect.stringContaining("Nothing would change"),
  });
  const { status, out } = script("uninstall", "--namespace", "shared");
  expect([status, out]).toEqual([0, expect.stringContaining("secret/of-somebody-else")]);
  expect(named()).toEqual(["secret/of-somebody-else"]);
  api.kubectl("-n", "shared", "delete", "secret", "of-somebody-else");
  expect(script("uninstall", "--namespace", "shared").out).toContain("which was there before");
});

test("install marks the namespace that it makes, which uninstall may remove", () => {
  script("install", "--interface", "eth1", "--namespace", "own", "--patience", "1");
  const labels = api.kubectl("get", "namespace", "own", "-o", "jsonpath={.metadata.labels}");
  expect(JSON.parse(labels)).toMatchObject({ "eim-pxe/made-by": "install.sh" });
});
