import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/lib/errors.ts";
import { createInventory } from "../../src/nodes/inventory.ts";
import { parseNodes } from "../../src/nodes/nodes-file.ts";

const text = `
- mac: 08-00-27-29-4E-67
  name: pxe-virtualbox
  address: 192.168.2.153
  router: 192.168.2.1
  routes: [{ to: 10.0.0.0/8, via: 192.168.2.2 }]
- uuid: 11223344-5566-7788-99AA-BBCCDDEEFF00
  netboot: deny
- serial: SN1
`;

describe("parseNodes", () => {
  it("reads entries with defaults for what they leave out", () => {
    const [first] = parseNodes(text, "nodes.yaml");
    expect(first).toMatchObject({
      mac: "08:00:27:29:4e:67",
      router: ["192.168.2.1"],
      routes: [{ network: "10.0.0.0", prefixLength: 8, via: "192.168.2.2" }],
      dhcp: true,
      netboot: "allow",
    });
  });

  it("takes an empty file as no entries", () => {
    expect(parseNodes("", "nodes.yaml")).toEqual([]);
  });

  const wrong: readonly [string, RegExp][] = [
    ["- name: x\n", /^nodes\.yaml:1:3: \[0\]: needs at least one of mac, uuid and serial/],
    ["- serial: 12\n", /^nodes\.yaml:1:11: \[0\]\.serial: must be text; put it in quotes/],
    ["- mac: a\n", /^nodes\.yaml:1:8: \[0\]\.mac: must be a MAC address/],
    [
      "- mac: 08:00:27:29:4e:67\n- mac: 08-00-27-29-4E-67\n",
      /^nodes\.yaml:2:8: \[1\]\.mac: entry 1 has the same mac \(nodes\.yaml:1:8\)/,
    ],
    [
      "- {mac: '08:00:27:*', address: 192.168.2.1}",
      /^nodes\.yaml:1:32: \[0\]\.address: is of one machine, and an entry with \* or \? is for many/,
    ],
    ["- {mac: '08:00:27:zz:*'}", /^nodes\.yaml:1:9: \[0\]\.mac: must be a MAC address/],
    [
      `- serial: "SN*"\n- serial: "SN*"\n`,
      /^nodes\.yaml:2:11: \[1\]\.serial: entry 1 has the same serial \(nodes\.yaml:1:11\)/,
    ],
    [
      Array.from({ length: 1001 }, (_, n) => `- serial: "SN${n}*"\n`).join(""),
      /^nodes\.yaml:1001:3: \[1000\]: at most 1000 entries may have \* or \?; these are 1001/,
    ],
    [
      "- {mac: 08:00:27:29:4e:67, options: [{code: 26, u16: 1400}, {code: 54, ip: 10.0.0.1}]}",
      /^nodes\.yaml:1:68: \[0\]\.options\[1\]\.code: option 54 is computed by the server and cannot/,
    ],
    ...["a..b", "ä.example", `${"x".repeat(64)}.example`, "a b.example"].map(
      (name): [string, RegExp] => [
        `- {mac: 08:00:27:29:4e:67, domainSearch: [example.com, "${name}"]}`,
        /^nodes\.yaml:1:56: \[0\]\.domainSearch\[1\]: must be a domain name/,
      ],
    ),
    [
      "- {mac: 08:00:27:29:4e:67, netmask: 255.0.255.0}",
      /^nodes\.yaml:1:37: \[0\]\.netmask: must be a netmask such as 255\.255\.255\.0/,
    ],
  ];
  it.each(wrong.map(([broken, message]) => ({ broken, message, beginning: broken.slice(0, 60) })))(
    "says where $beginning is wrong",
    ({ broken, message }) => {
      expect(() => parseNodes(broken, "nodes.yaml")).toThrow(ConfigError);
      expect(() => parseNodes(broken, "nodes.yaml")).toThrow(message);
    },
  );
});

describe("createInventory", () => {
  const { find } = createInventory(parseNodes(text, "nodes.yaml"));
  const nobody = { mac: "00:00:00:00:00:00", uuid: null, serial: null };

  it("finds a machine by MAC, UUID or serial number", () => {
    expect(find({ ...nobody, mac: "08:00:27:29:4e:67" })?.name).toBe("pxe-virtualbox");
    expect(find({ ...nobody, uuid: "11223344-5566-7788-99aa-bbccddeeff00" })?.netboot).toBe("deny");
    expect(find({ ...nobody, serial: "SN1" })?.serial).toBe("SN1");
  });

  it("finds a machine by a UUID in the other byte order, as some firmware tells it", () => {
    expect(find({ ...nobody, uuid: "44332211-6655-8877-99aa-bbccddeeff00" })?.netboot).toBe("deny");
  });

  it("finds a machine by wildcards when no entry names it, the first of the file", () => {
    const wide = createInventory(
      parseNodes(
        `
- { mac: "08-00-27-*", netboot: deny }
- { serial: "VM??", name: vm }
- { mac: "08:00:27:29:4e:67", name: named }
- { uuid: "1122*", name: blade }
- { mac: "*", netboot: once }
`,
        "nodes.yaml",
      ),
    );
    const found = (machine: { mac?: string; uuid?: string; serial?: string }) =>
      wide.find({ ...nobody, ...machine });
    expect(found({ mac: "08:00:27:29:4e:67", serial: "VM01" })?.name).toBe("named");
    expect(found({ mac: "08:00:27:00:00:01", serial: "VM01" })?.netboot).toBe("deny");
    expect(found({ serial: "VM01" })?.name).toBe("vm");
    expect(found({ serial: "VM012" })?.netboot).toBe("once");
    expect(found({ uuid: "11223344-5566-7788-99aa-bbccddeeff00" })?.name).toBe("blade");
    expect(found({})?.netboot).toBe("once");
    expect([wide.entries[0]?.mac, wide.namesSerials]).toEqual([null, true]);
  });

  it("finds nothing for a machine that no entry names", () => {
    expect(find(nobody)).toBeNull();
  });
});
