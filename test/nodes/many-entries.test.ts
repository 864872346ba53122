import { describe, expect, test } from "vitest";
import { emptyNode } from "../../src/boot/node.ts";
import { HardwareObjects } from "../../src/nodes/hardware-objects.ts";
import { createInventory, InventoryBuilder } from "../../src/nodes/inventory.ts";
import { parseHardware } from "../../src/nodes/tinkerbell.ts";
import { cases } from "../support/cases.ts";

const hex = (n: number) => n.toString(16).padStart(4, "0");
const macOf = (n: number) => `52:54:00:00:${hex(n).slice(0, 2)}:${hex(n).slice(2)}`;

function hardware(n: number, mac = macOf(n)) {
  return {
    apiVersion: "tinkerbell.org/v1alpha1",
    kind: "Hardware",
    metadata: { name: `m${hex(n)}`, namespace: "tink" },
    spec: { interfaces: [{ dhcp: { mac } }] },
  };
}

/** The steps of a gathering, with something else done after one of them. */
function gathered(objects: HardwareObjects, afterStep: number, meanwhile: () => void) {
  const gathering = objects.gather();
  for (let steps = 1; ; steps += 1) {
    const step = gathering.next();
    if (step.done === true) return step.value;
    if (steps === afterStep) meanwhile();
  }
}

describe("a file of many Hardware documents", () => {
  const count = cases(4000);

  test("is read with each document's own lines, of which the last are as quickly found as the first", () => {
    // Empty lines ahead of each document, as many as stand before it, took minutes.
    const documents = Array.from({ length: count }, (_, n) => JSON.stringify(hardware(n)));
    const padding = "\n".repeat(20);
    const text = [...documents, JSON.stringify(hardware(0))].join(`\n---${padding}`);
    const last = count * 21 + 1;
    expect(() => parseHardware(text, "h.yaml")).toThrow(
      `h.yaml:${last}:1: h.yaml:1:1 has the same mac ${macOf(0)}`,
    );
  });

  test("says in which line of the file a document is no YAML", () => {
    const text = `${JSON.stringify(hardware(1))}\n---\n\na: [\n`;
    expect(() => parseHardware(text, "h.yaml")).toThrow(/^h\.yaml:[45]:\d+: this is not YAML/);
  });
});

describe("Hardware objects", () => {
  test("are gathered as they were at the first step, whatever comes and goes before the last", () => {
    const objects = new HardwareObjects();
    for (const n of [3, 1, 2]) objects.put(hardware(n));
    const before = objects.all();
    const found = gathered(objects, 2, () => {
      objects.remove(hardware(3));
      // Its MAC is another one's now, which would be a duplicate beside the former state.
      objects.put(hardware(4, macOf(3)));
    });
    expect(found).toEqual(before);
    expect(found.entries.map(({ mac }) => mac)).toEqual([1, 2, 3].map((n) => macOf(n)));
    expect(objects.all().problems).toEqual([]);
    expect(objects.all().entries).toHaveLength(3);
  });

  test("count by name where two have the same MAC", () => {
    const objects = new HardwareObjects();
    for (const n of [2, 1]) objects.put(hardware(n, macOf(9)));
    const { entries, problems } = objects.all();
    expect(entries).toHaveLength(1);
    expect(problems).toEqual([`Hardware tink/m0002: Hardware tink/m0001 has ${macOf(9)} too`]);
  });
});

test("an inventory that is made some entries at a time is the same as of all at once", () => {
  const entries = Array.from({ length: 50 }, (_, n) => ({
    ...emptyNode,
    mac: n % 3 === 0 ? macOf(n) : null,
    uuid: n % 3 === 1 ? `4c4c4544-0000-4000-8000-00000000${hex(n)}` : null,
    serial: n % 3 === 2 ? `SERIAL${n}` : null,
    address: n % 2 === 0 ? `10.0.0.${n}` : null,
    dhcp: n % 5 !== 0,
    loader: n === 7 ? "of-its-own.efi" : null,
    ...(n === 49 ? { mac: null, wildcards: { serial: "PRESS-*" } } : {}),
  }));
  const builder = new InventoryBuilder();
  for (let at = 0; at < entries.length; at += 7) builder.add(entries.slice(at, at + 7));
  const [one, other] = [builder.done(), createInventory(entries)];
  const look = (inventory: typeof one) => ({
    entries: inventory.entries,
    withoutAddress: inventory.withoutAddress,
    serials: inventory.namesSerials,
    loaders: ["of-its-own.efi", "other.efi"].map((name) => inventory.namesLoader(name)),
    found: entries.map(({ mac, uuid, serial }) =>
      inventory.find({ mac: mac ?? "52:54:00:ff:ff:ff", uuid, serial }),
    ),
    wide: inventory.find({ mac: "52:54:00:ff:ff:ff", uuid: null, serial: "PRESS-4" }),
    reserved: entries.map(({ address }) => inventory.reservedFor(address ?? "10.9.9.9")),
  });
  expect(look(one)).toEqual(look(other));
  expect(look(one).withoutAddress).toBe(
    entries.filter(({ address, dhcp }) => address === null && dhcp).length,
  );
  expect(look(one).wide?.wildcards).toEqual({ serial: "PRESS-*" });
  expect(look(one).found[1]?.uuid).toBe(entries[1]?.uuid);
});
