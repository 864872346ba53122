import { describe, expect, test } from "vitest";
import { type Identity, isUnknown } from "../../src/boot/node.ts";
import { swappedUuid } from "../../src/boot/identity/uuid.ts";
import { createInventory } from "../../src/nodes/inventory.ts";
import { NodeRegister } from "../../src/nodes/node-register.ts";
import { parseNodes } from "../../src/nodes/nodes-file.ts";

const mac = "52:54:00:12:34:56";
const uuid = "11223344-5566-7788-99aa-bbccddeeff00";
const machine = { mac, uuid, serial: "SN1" };
const at = "2026-03-06T10:00:00.000Z";
const who = { by: "somebody", at };

function registerOf(text: string): NodeRegister {
  return new NodeRegister(createInventory(parseNodes(text, "nodes.yaml")));
}

const byMac = { kind: "mac", value: mac } as const;

describe("what people decide", () => {
  test.each([
    ["mac", mac],
    ["mac", "52:54:00:*"],
    ["uuid", uuid],
    ["uuid", "44332211-6655-8877-99aa-bbccddeeff00"],
    ["uuid", "1122*"],
    ["serial", "SN1"],
    ["serial", "S?1"],
  ] as const)("by %s %s goes before the nodes file", (kind: Identity, value) => {
    const register = registerOf(`- { mac: "${mac}", name: press }`);
    register.decide({ kind, value }, { netboot: "deny" }, who);
    const entry = register.find(machine);
    expect([entry?.netboot, entry?.name]).toEqual(["deny", "press"]);
    expect(entry?.denied).toBe(`somebody said deny on ${at}`);
    register.decide({ kind, value }, { netboot: null }, who);
    expect([register.find(machine)?.netboot, register.overrides]).toEqual(["allow", []]);
  });

  test("makes a machine known that has no entry, also by a name alone", () => {
    const register = registerOf("");
    register.decide(byMac, { name: "press-4" }, who);
    expect(register.find(machine)).toMatchObject({ mac, name: "press-4", netboot: "allow" });
    expect(register.wordFor({ ...machine, mac: "52:54:00:00:00:01" })).toBeNull();
  });

  test("about its name does not change what was decided about netboot", () => {
    const register = registerOf("");
    register.decide(byMac, { netboot: "deny" }, who);
    register.decide(byMac, { name: "press-4" }, who);
    expect(register.find(machine)).toMatchObject({ name: "press-4", netboot: "deny" });
  });

  test.each([
    ["a name", { name: "press-4" }],
    ["a reserved address", { address: "192.168.77.9" }],
  ])("by another of its names is not taken back by %s", (_, change) => {
    for (const match of [
      { kind: "uuid", value: "44332211-6655-8877-99aa-bbccddeeff00" },
      { kind: "serial", value: "SN1" },
      { kind: "mac", value: "52:54:00:*" },
    ] as const) {
      const register = registerOf("");
      register.decide(match, { netboot: "deny" }, who);
      register.decide(byMac, change, { ...who, by: "another" });
      expect(register.find(machine)).toMatchObject({ mac, ...change, netboot: "deny" });
      expect(register.wordFor(machine)).toMatchObject({ netboot: "deny", by: "somebody" });
      register.decide(match, { netboot: "once" }, who);
      register.reachedMicroOs(machine, at);
      expect(register.find(machine)).toMatchObject({ ...change, netboot: "deny" });
      register.decide(match, { netboot: "once" }, who);
      expect(register.find(machine)).toMatchObject({ ...change, netboot: "allow" });
    }
  });

  test("reserves an address, by which alone a machine does not become known", () => {
    const register = registerOf("");
    register.decide(byMac, { address: "192.168.77.9" }, who);
    expect(register.find(machine)?.address).toBe("192.168.77.9");
    expect(isUnknown(register.find(machine))).toBe(true);
    expect(register.wordFor(machine)).toBeNull();
    register.decide({ kind: "serial", value: "SN1" }, { netboot: "allow" }, who);
    expect(isUnknown(register.find(machine))).toBe(false);
    expect(register.wordFor(machine)?.netboot).toBe("allow");
  });

  test("reserves an address, which the file may have reserved otherwise", () => {
    const register = registerOf(`- { mac: "${mac}", address: 192.168.77.5 }`);
    register.decide(byMac, { address: "192.168.77.9" }, who);
    expect(register.find(machine)?.address).toBe("192.168.77.9");
    expect(register.reservedFor("192.168.77.9")?.mac).toBe(mac);
    expect(register.reservedFor("192.168.77.5")).toBeNull();
    register.decide(byMac, { address: null }, who);
    expect(register.reservedFor("192.168.77.9")).toBeNull();
    expect(register.reservedFor("192.168.77.5")?.mac).toBe(mac);
  });

  test("is the same after it was kept and read again", () => {
    const register = registerOf(`- { mac: "${mac}", netboot: once }`);
    register.reachedMicroOs(machine, at);
    register.decide({ kind: "serial", value: "VM*" }, { netboot: "deny" }, who);
    const again = registerOf(`- { mac: "${mac}", netboot: once }`);
    again.restore(register.kept());
    expect(again.kept()).toEqual(register.kept());
    expect(again.find(machine)?.netboot).toBe("deny");
    expect(again.find({ ...machine, mac: "", uuid: null, serial: "VM7" })?.netboot).toBe("deny");
  });
});

describe("once", () => {
  test("of the nodes file allows until the Micro-OS was reached, and denies from then on", () => {
    const register = registerOf(`- { mac: "${mac}", netboot: once }`);
    expect(register.find(machine)?.netboot).toBe("allow");
    expect(register.reachedMicroOs(machine, at)).toBe(true);
    expect(register.reachedMicroOs(machine, at)).toBe(false);
    expect(register.find(machine)).toMatchObject({
      netboot: "deny",
      denied: `its node entry says netboot: once, and it reached the Micro-OS on ${at}`,
    });
    expect(register.wordFor(machine)).toMatchObject({ netboot: "once", onceUsedAt: at });
  });

  test("of a wildcard is each machine's own", () => {
    const register = registerOf('- { mac: "52:54:00:*", netboot: once }');
    register.reachedMicroOs(machine, at);
    expect(register.find(machine)?.netboot).toBe("deny");
    expect(register.find({ ...machine, mac: "52:54:00:00:00:01" })?.netboot).toBe("allow");
  });

  test("by UUID or serial number is no second chance for another network card", () => {
    const other = { ...machine, mac: "52:54:00:00:00:01" };
    for (const entry of [`uuid: "${uuid}"`, "serial: SN1"]) {
      const register = registerOf(`- { ${entry}, netboot: once }`);
      register.reachedMicroOs(machine, at);
      expect(register.find(other)?.netboot).toBe("deny");
    }
  });

  test("by UUID is no second chance for another network card whose firmware has its bytes in the other order", () => {
    const other = { mac: "52:54:00:00:00:01", uuid: swappedUuid(uuid), serial: null };
    const register = registerOf(`- { uuid: "${uuid}", netboot: once }`);
    expect(register.find(other)?.netboot).toBe("allow");
    register.reachedMicroOs(machine, at);
    expect(register.find(other)?.netboot).toBe("deny");
    expect(register.reachedMicroOs(other, at)).toBe(false);
  });

  test("that is decided anew may be used anew; deny and back do not renew it", () => {
    const register = registerOf(`- { mac: "${mac}", netboot: once }`);
    register.reachedMicroOs(machine, at);
    register.decide(byMac, { netboot: "deny" }, who);
    register.decide(byMac, { netboot: null }, who);
    expect(register.find(machine)?.netboot).toBe("deny");
    register.decide({ kind: "uuid", value: uuid }, { netboot: "once" }, who);
    expect(register.find(machine)?.netboot).toBe("allow");
    register.reachedMicroOs(machine, at);
    expect(register.find(machine)?.netboot).toBe("deny");
  });

  test("of a file that said allow meanwhile begins anew", () => {
    const [once, allow] = ["once", "allow"].map((word) =>
      createInventory(parseNodes(`- { mac: "${mac}", netboot: ${word} }`, "nodes.yaml")),
    );
    const register = new NodeRegister(once ?? createInventory([]));
    register.reachedMicroOs(machine, at);
    register.use(createInventory([]));
    register.use(once ?? createInventory([]));
    expect(register.find(machine)?.netboot).toBe("deny");
    register.use(allow ?? createInventory([]));
    register.use(once ?? createInventory([]));
    expect(register.find(machine)?.netboot).toBe("allow");
  });

  test("is not used up by a machine that may boot anyway", () => {
    const register = registerOf(`- { mac: "${mac}", netboot: allow }`);
    expect(register.reachedMicroOs(machine, at)).toBe(false);
    expect(register.reachedMicroOs({ ...machine, mac: "52:54:00:00:00:01" }, at)).toBe(false);
  });
});
