import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { configSchema } from "../../src/config/schema.ts";
import { debianComponents, ipxeComponent, nodeComponent } from "../../scripts/sbom-components.ts";

/* What the image is, as far as its files say so; that it works is shown by `npm run test:container`. */

const lines = readFileSync("docker/Dockerfile", "utf8")
  .replaceAll(/\\\n\s*/g, "")
  .split("\n");
const lastStage = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM ")));
const of = (instruction: string) =>
  lastStage
    .filter((line) => line.startsWith(`${instruction} `))
    .map((line) => line.slice(instruction.length + 1));

describe("docker/Dockerfile", () => {
  test("needs no shell to start, and none to be put together for another architecture", () => {
    expect(of("RUN")).toEqual([]);
    const words = [
      ...of("ENTRYPOINT"),
      ...of("CMD"),
      ...of("HEALTHCHECK").map((line) => line.replace(/^.*? CMD /, "")),
    ];
    const asLists = words.map((line) => z.array(z.string()).safeParse(JSON.parse(line)).success);
    expect(asLists).toEqual([true, true, true]);
  });

  test("runs as a user that is known by number not to be root", () => {
    expect(of("USER")).toEqual(["10067:10067"]);
  });

  test("says what it is: the version is the package's", () => {
    const { version } = z
      .object({ version: z.string() })
      .parse(JSON.parse(readFileSync("package.json", "utf8")));
    expect(of("ARG")).toEqual([`VERSION=${version}`]);
    for (const name of ["title", "description", "version", "licenses"]) {
      expect(of("LABEL").join(" ")).toContain(`org.opencontainers.image.${name}=`);
    }
  });
});

describe("docker/compose.yaml", () => {
  const { services, volumes } = z
    .object({
      services: z.object({ "eim-pxe": z.record(z.string(), z.unknown()) }),
      volumes: z.record(z.string(), z.unknown()),
    })
    .parse(parse(readFileSync("docker/compose.yaml", "utf8")));

  test("runs it on the host's network, with one capability and a root that cannot be written", () => {
    expect(services["eim-pxe"]).toMatchObject({
      network_mode: "host",
      read_only: true,
      cap_drop: ["ALL"],
      cap_add: ["NET_BIND_SERVICE"],
    });
  });

  test("gives container and volume the names by which the documents' commands ask for them", () => {
    expect(services["eim-pxe"]).toMatchObject({
      image: "eim-pxe",
      container_name: "eim-pxe",
      volumes: ["./config:/etc/eim-pxe:ro", "data:/var/lib/eim-pxe"],
    });
    expect(volumes).toEqual({ data: { name: "eim-pxe" } });
  });

  test("needs one edit: the domain in a configuration that is there", () => {
    const text = readFileSync("docker/config/eim-pxe.yaml", "utf8");
    const edited = configSchema.parse(
      parse(text.replaceAll("cluster.example.com", "site.example")),
    );
    expect(edited.artifacts.origin).toEqual(["https://tinkerbell-haproxy.site.example/tink-stack"]);
    expect(edited.artifacts.ca.url).toBe(
      "https://tinkerbell-haproxy.site.example/tink-stack/keys/Full_server.crt",
    );
  });
});

test("the image's bill of materials has Debian's packages, Node and iPXE, each by its package URL", () => {
  const status = [
    "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12+deb13u1",
    "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1.0",
    "",
  ];
  expect(debianComponents(status.join("\n\n"))).toEqual([
    {
      type: "library",
      name: "libc6",
      version: "2.41-12+deb13u1",
      purl: "pkg:deb/debian/libc6@2.41-12%2Bdeb13u1?arch=amd64",
    },
  ]);
  expect(nodeComponent("24.1.0").purl).toBe("pkg:generic/node@24.1.0");
  const source = "Debian package ipxe 1.21.1+git2025-1\nSource: https://snapshot.debian.org/\n";
  expect(ipxeComponent(source).version).toBe("1.21.1+git2025-1");
});
