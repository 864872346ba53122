import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/lib/errors.ts";
import { parseHardware } from "../../src/nodes/tinkerbell.ts";

const v1alpha1 = `apiVersion: tinkerbell.org/v1alpha1
kind: Hardware
metadata: { name: press-4, namespace: tink }
spec:
  agentID: 08:00:27:29:4e:67
  interfaces:
    - dhcp:
        mac: 08:00:27:29:4E:67
        hostname: pxe-virtualbox
        domain_name: example.com
        lease_time: 86400
        name_servers: [8.8.8.8, dns.example.com, "2001:db8::1"]
        time_servers: [132.163.96.2]
        arch: x86_64
        ip: { address: 192.168.2.153, netmask: 255.255.255.0, gateway: 192.168.2.1 }
        classless_static_routes: [{ destination_descriptor: 10.0.0.0/8, router: 192.168.2.2 }]
        tftp_server_name: tftp.example
        boot_file_name: onie.bin
      netboot:
        allowPXE: true
        ipxe: { url: "https://boot.example/x.ipxe", binary: snp-x86_64.efi }
        osie: { kernelParams: ["console=ttyS0 quiet", "a=b"] }
    - disableDhcp: true
      dhcp: { mac: 08:00:27:29:4e:68 }
`;

const v1alpha2 = `apiVersion: tinkerbell.org/v1alpha2
kind: Hardware
metadata: { name: press-5 }
spec:
  instance: { osie: { kernelParams: [console=ttyS0] } }
  networkInterfaces:
    "52:54:00:00:00:01":
      dhcp:
        v4:
          domainSearchList: [a.example, b.example]
          leaseTimeSeconds: 600
          nameservers: [1.1.1.1]
      ipam:
        ipv4: { address: 192.168.77.5, prefix: "24", gateway: 192.168.77.1 }
        ipv6: { address: "2001:db8::5", prefix: "64" }
    "52:54:00:00:00:02":
      netboot: { disabled: true }
`;

describe("parseHardware", () => {
  test("reads v1alpha1: an entry for each network interface", () => {
    const [first, second, ...rest] = parseHardware(v1alpha1, "hardware.yaml");
    expect(first).toMatchObject({
      mac: "08:00:27:29:4e:67",
      name: "pxe-virtualbox",
      address: "192.168.2.153",
      netmask: "255.255.255.0",
      router: ["192.168.2.1"],
      dns: ["8.8.8.8"],
      ntp: ["132.163.96.2"],
      domain: "example.com",
      leaseSeconds: 86400,
      routes: [{ network: "10.0.0.0", prefixLength: 8, via: "192.168.2.2" }],
      options: [{ code: 66 }, { code: 67 }],
      dhcp: true,
      netboot: "allow",
      loader: "snp-x86_64.efi",
      scriptUrl: "https://boot.example/x.ipxe",
      kernelArgs: ["console=ttyS0", "quiet", "a=b"],
    });
    // As SMEE: without allowPXE it is not allowed.
    expect(second).toMatchObject({ name: "press-4", dhcp: false, netboot: "deny" });
    expect(rest).toEqual([]);
  });

  test("reads v1alpha2: interfaces by MAC address", () => {
    const [first, second] = parseHardware(v1alpha2, "hardware.yaml");
    expect(first).toMatchObject({
      mac: "52:54:00:00:00:01",
      name: "press-5",
      address: "192.168.77.5",
      netmask: "255.255.255.0",
      router: ["192.168.77.1"],
      dns: ["1.1.1.1"],
      domainSearch: ["a.example", "b.example"],
      leaseSeconds: 600,
      netboot: "allow",
      kernelArgs: ["console=ttyS0"],
    });
    expect(second).toMatchObject({ mac: "52:54:00:00:00:02", address: null, netboot: "deny" });
  });

  test("reads several documents, lists, and what kubectl get -o yaml prints", () => {
    const both = `${v1alpha1}---\n${v1alpha2}---\n`;
    expect(parseHardware(both, "h.yaml")).toHaveLength(4);
    const indented = (text: string) => text.trimEnd().replaceAll("\n", "\n  ");
    const list = `- ${indented(v1alpha1)}\n- ${indented(v1alpha2)}\n`;
    expect(parseHardware(list, "h.yaml")).toHaveLength(4);
    const printed = `apiVersion: v1\nkind: List\nitems:\n${list}`;
    expect(parseHardware(printed, "h.yaml")).toHaveLength(4);
    expect(parseHardware("", "h.yaml")).toEqual([]);
  });

  test("names both places of an entry that is there twice", () => {
    expect(() => parseHardware(`${v1alpha1}---\n${v1alpha1}`, "h.yaml")).toThrow(
      /^h\.yaml:26:1: h\.yaml:1:1 has the same mac 08:00:27:29:4e:67/,
    );
  });

  test.each([
    ["kind: Pod\n", /^h\.yaml:1:1: is no Hardware object/],
    [`${v1alpha2}---\nkind: Pod\n`, /^h\.yaml:19:1: is no Hardware object/],
    [v1alpha1.replace("lease_time: 86400", "lease_time: long"), /is no Hardware object/],
    [v1alpha1.replace("snp-x86_64.efi", "../x"), /^h\.yaml:1:1: loader: must be/],
    [v1alpha1.replace("255.255.255.0", "255.0.255.0"), /^h\.yaml:1:1: netmask: must be a netmask/],
    ["a: [", /this is not YAML/],
  ])("says what is wrong with %j", (text, message) => {
    expect(() => parseHardware(text, "h.yaml")).toThrow(ConfigError);
    expect(() => parseHardware(text, "h.yaml")).toThrow(message);
  });
});
