import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaTemplate, writeSchemas } from "./schemas.ts";

/* `install.sh --kubernetes`: what it would apply, judged by Kubernetes' own schemas. */

const cache = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "eim-pxe-kubernetes",
);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-install-"));
  writeSchemas(join(cache, "modules"), join(folder, "schemas"));
  writeFileSync(join(folder, "ca.pem"), "-----BEGIN CERTIFICATE-----\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function install(...words: readonly string[]) {
  const path = `${join(cache, "bin")}:${process.env["PATH"] ?? ""}`;
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["docker/install.sh", ...words, "--kubernetes"],
    { env: { ...process.env, PATH: path } },
  );
  return { status, out: stdout.toString(), err: stderr.toString() };
}

describe("install.sh --kubernetes", () => {
  test("makes manifests of the settings that are valid", () => {
    const { status, out, err } = install(
      "manifests",
      "--interface",
      "eth1",
      "--mode",
      "full",
      "--pool",
      "10.0.0.5-10.0.0.9",
      "--origin",
      "example.com",
      "--ca-file",
      join(folder, "ca.pem"),
      "--namespace",
      "edge",
      "--image",
      "registry.example:5000/eim-pxe:0.2.0",
      "--replicas",
      "2",
      "--volumes",
      "--node-label",
      "site=edge",
    );
    expect([status, err]).toEqual([0, ""]);
    for (const part of [
      "image: registry.example:5000/eim-pxe:0.2.0",
      'origin: "https://tinkerbell-haproxy.example.com/tink-stack"',
      'pools: ["10.0.0.5-10.0.0.9"]',
      "site: edge",
      "replicas: 2",
      "namespace: edge",
    ]) {
      expect(out).toContain(part);
    }
    const where = ["-schema-location", join(folder, "schemas", schemaTemplate)];
    const judged = spawnSync(join(cache, "bin", "kubeconform"), ["-strict", ...where, "-"], {
      input: out,
    });
    expect(judged.stdout.toString()).toBe("");
  });

  test("an image is named by its digest, too", () => {
    const digest = `sha256:${"0af1".repeat(16)}`;
    const image = `registry.example:5000/eim-pxe@${digest}`;
    const { status, out, err } = install("manifests", "--interface", "eth1", "--image", image);
    expect([status, err]).toEqual([0, ""]);
    expect(out).toContain(`image: ${image}`);
  });

  test.each([
    [["install"], "--interface"],
    [["manifests", "--interface", "eth1", "--mode", "full"], "--pool"],
    [["manifests", "--interface", "eth1", "--replicas", "9"], "--replicas"],
    [["manifests", "--interface", "eth1", "--ca-file", "/nowhere"], "--ca-file"],
    [["manifests", "--interface", "eth1", "--image", "registry.example:5000/eim-pxe"], "tag"],
    [["upgrade"], "upgrade"],
    [["diff", "--offline", "x"], "--offline"],
  ])("%j is refused, and said why", (words, named) => {
    const { status, err } = install(...words);
    expect(status).toBe(2);
    expect(err).toContain(named);
  });
});
