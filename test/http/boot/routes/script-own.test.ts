import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hookOf } from "../../../../src/daemon/settings/boot-settings.ts";
import { configSchema } from "../../../../src/config/schema.ts";
import type { BootAppOptions } from "../../../../src/http/boot/app.ts";
import { parseHardware } from "../../../../src/nodes/tinkerbell.ts";
import { createInventory } from "../../../../src/nodes/inventory.ts";
import { BootPort } from "../../../support/boot-port.ts";
import { nodeEntry } from "../../../support/node-entry.ts";

const mac = "08:00:27:29:4e:67";
let port: BootPort;

async function open(given: Partial<BootAppOptions> = {}): Promise<void> {
  port = new BootPort(given);
  await port.open();
}
afterEach(() => port.close());

async function get(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const reply = await fetch(port.url + path);
  return { status: reply.status, text: await reply.text() };
}

describe("the text of a script in a machine's entry", () => {
  beforeEach(() => open());
  const script = "#!ipxe\n# ${mac} & <b>\nsanboot --drive 0x80\n";
  const own = (text: string) => nodeEntry({ mac, script: text });

  test("is what the machine gets, as it is, whether or not anything is mirrored", async () => {
    port.nodes = (machine) => (machine.mac === mac ? own(script) : null);
    for (const path of [`/${mac}/boot.ipxe`, `/boot.ipxe?mac=${mac}`]) {
      expect(await get(path)).toEqual({ status: 200, text: script });
    }
    expect(port.events).toMatchObject([
      { event: "script", mac, generation: null },
      { event: "script", mac, generation: null },
    ]);
  });

  test("is made an iPXE script where it does not say that it is one", async () => {
    port.nodes = () => own("chain http://boot.example/x\r\nshell");
    const { text } = await get(`/${mac}/boot.ipxe`);
    expect(text).toBe("#!ipxe\nchain http://boot.example/x\r\nshell\n");
  });

  test("gives way to a URL in the same entry, as SMEE's does", async () => {
    port.nodes = () => ({ ...own(script), scriptUrl: "http://own.example/x.ipxe" });
    const { text } = await get(`/${mac}/boot.ipxe`);
    expect(text).toContain("chain --replace http://own.example/x.ipxe ||");
  });

  test("is for machines that may boot only", async () => {
    port.nodes = () => ({ ...own(script), netboot: "deny" });
    const { status, text } = await get(`/${mac}/boot.ipxe`);
    expect([status, text.includes("sanboot")]).toEqual([403, false]);
  });
});

describe("boot.script: hook", () => {
  const hardware = `apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: { name: press-4, namespace: tink }
spec:
  agentID: agent-4
  metadata: { facility: { facility_code: onprem } }
  interfaces:
    - dhcp: { mac: "${mac}", arch: x86_64, vlan_id: "30" }
      netboot:
        allowPXE: true
        osie: { baseURL: "http://files.example/hook/", kernelParams: [console=ttyS0] }
    - dhcp: { mac: "08:00:27:29:4e:68" }
      netboot: { allowPXE: true, ipxe: { contents: "#!ipxe\\nshell\\n" } }
    - dhcp: { mac: "08:00:27:29:4e:69" }
      netboot: { allowPXE: false }
---
apiVersion: tinkerbell.org/v1alpha2
kind: Hardware
metadata: { name: press-5 }
spec:
  attributes: { arch: aarch64 }
  instance:
    osie: { kernelURL: "http://files.example/k", initrdURL: "http://files.example/i" }
  networkInterfaces:
    "08:00:27:29:4e:70": {}
    "08:00:27:29:4e:71": { netboot: { ipxe: { script: "#!ipxe\\nexit\\n" } } }
`;
  const config = configSchema.parse({ boot: { script: "hook", kernelArgs: ["site=1"] } });
  const settings = hookOf(config);

  beforeEach(async () => {
    await open({ script: { kind: "hook", settings }, kernelArgs: config.boot.kernelArgs });
    const inventory = createInventory(parseHardware(hardware, "hardware.yaml"));
    port.nodes = (machine) => inventory.find({ ...machine, serial: null });
  });

  test("starts HookOS with what the machine's Hardware object says", async () => {
    const { status, text } = await get(`/${mac}/boot.ipxe`);
    expect(status).toBe(200);
    const words = text.replaceAll("\\\n", "").replaceAll(/127\.0\.0\.1(:\d+)?/g, "HOST");
    expect(words).toContain("set download-url http://files.example/hook\n");
    expect(words).toContain(
      "kernel ${download-url}/${kernel} vlan_id=30 facility=onprem syslog_host=HOST grpc_authority=HOST tinkerbell_tls=false tinkerbell_insecure_tls=false " +
        `worker_id=agent-4 hw_addr=${mac} modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt initrd=\${initrd} console=tty0 console=ttyS1,115200 site=1 console=ttyS0 && goto`,
    );
    expect(port.events).toMatchObject([{ event: "script", mac, generation: null }]);
  });

  test("and so does v1alpha2, with its URLs", async () => {
    const { text } = await get("/08:00:27:29:4e:70/boot.ipxe");
    expect(text).toContain(
      "set kernel http://files.example/k\nset initrd http://files.example/i\n",
    );
    expect(text).toContain("set arch aarch64\n");
  });

  test.each([
    ["v1alpha1", "08:00:27:29:4e:68", "#!ipxe\nshell\n"],
    ["v1alpha2", "08:00:27:29:4e:71", "#!ipxe\nexit\n"],
  ])("a script in a Hardware object goes before it: %s", async (_, machine, text) => {
    expect(await get(`/${machine}/boot.ipxe`)).toEqual({ status: 200, text });
  });

  test("is refused to machines that may not boot", async () => {
    expect((await get("/08:00:27:29:4e:69/boot.ipxe")).status).toBe(403);
  });

  test("has the mirror's generation where HookOS comes from there, and waits for the first one", async () => {
    const other = "08:00:27:29:4e:99";
    expect((await get(`/${other}/boot.ipxe`)).status).toBe(503);
    port.addGeneration("g1", { "vmlinuz-x86_64": "k" });
    const { text } = await get(`/${other}/boot.ipxe`);
    expect(text).toContain(`set download-url ${port.url}/artifacts\n`);
    expect(text).toContain("hw_addr=${mac}");
    expect(port.events.at(-1)).toMatchObject({ event: "script", generation: "g1" });
  });
});
