import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { check } from "../../../src/commands/check.ts";
import { explain } from "../../../src/commands/explain.ts";
import { keepHardware, withKnownNodes } from "../../../src/daemon/nodes/kept-hardware.ts";
import { loadSettings } from "../../../src/daemon/settings/settings.ts";
import { toHex } from "../../../src/lib/bytes.ts";
import { encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { HardwareObjects } from "../../../src/nodes/hardware-objects.ts";
import { bootRequest } from "../../../src/pxe-client/wire/dhcp-requests.ts";
import { FakeProgram } from "../../support/program.ts";

/* What commands beside a server know of nodes that come from a Kubernetes cluster: what that server last had. */

const mac = "52:54:00:00:00:01";
const folder = mkdtempSync(join(tmpdir(), "eim-pxe-kept-hardware-"));
const file = join(folder, "eim-pxe.yaml");
beforeAll(async () => {
  const config = {
    dataDir: "data",
    interfaces: [{ name: "nosuch0", address: "192.168.77.1" }],
    nodes: { format: "kubernetes", kubernetes: { kubeconfig: "kubeconfig" }, unknown: "deny" },
  };
  writeFileSync(file, JSON.stringify(config));
  const objects = new HardwareObjects();
  objects.put({
    apiVersion: "tinkerbell.org/v1alpha1",
    kind: "Hardware",
    metadata: { name: "a", namespace: "tink" },
    spec: {
      interfaces: [
        { dhcp: { mac }, netboot: { allowPXE: true, ipxe: { binary: "of-its-own.efi" } } },
      ],
    },
  });
  await keepHardware(objects, join(folder, "data"));
});
afterAll(() => rmSync(folder, { recursive: true }));

test("doctor, and the checks of serve, see them", async () => {
  const { inventory } = await withKnownNodes(loadSettings(file, {}));
  expect(inventory.entries).toMatchObject([{ mac, loader: "of-its-own.efi" }]);
});

test("explain answers them, and nobody else where unknown machines are denied", async () => {
  const decision = async (of: string): Promise<unknown> => {
    const machine = {
      mac: of,
      uuid: "5d6c7b1e-0000-4000-8000-000000000009",
      firmware: "uefi",
    } as const;
    const hex = toHex(encodePacket(bootRequest(machine, 1, "firmware", null)));
    const program = new FakeProgram("");
    await explain(program, file, { interface: null, source: null, port: 67, hex });
    return Object(JSON.parse(program.written)).decision;
  };
  expect(await decision(mac)).toBe("reply");
  expect(await decision("52:54:00:00:00:02")).toBe("ignore");
});

test("check counts them, and does not say that every machine is refused", async () => {
  const program = new FakeProgram("");
  expect(await check(program, file)).toBe(0);
  expect(String(program.out.read())).toContain("node entries: 1;");
  expect(String(program.err.read() ?? "")).not.toContain("every machine is refused");
});

test("nothing is known before a server had them, or where what is kept is damaged", async () => {
  writeFileSync(join(folder, "data", "kubernetes-nodes.json"), "{");
  const program = new FakeProgram("");
  expect(await check(program, file)).toBe(0);
  expect(String(program.out.read())).toContain("node entries: 0;");
});
