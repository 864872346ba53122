import { describe, expect, test } from "vitest";
import { detectLeaseFormat, readLeaseFile } from "../../../src/dhcp/leases/lease-import.ts";

const nowMs = Date.UTC(2026, 10, 25, 20);
const mac = "08:00:27:29:4e:67";

// In the form that dhcpd.leases(5) describes.
const isc = `# The format of this file is documented in the dhcpd.leases(5) manual page.
authoring-byte-order little-endian;

lease 192.168.77.100 {
  starts 3 2026/11/25 19:00:00;
  ends 3 2026/11/25 20:30:00;
  cltt 3 2026/11/25 19:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet ${mac};
  uid "\\001\\010\\000')Ng";
  client-hostname "node-1";
}
lease 192.168.77.101 {
  starts 3 2026/11/25 19:00:00;
  ends 3 2026/11/25 21:00:00;
  binding state active;
  hardware ethernet 08:00:27:29:4e:68;
}
lease 192.168.77.101 {
  ends 3 2026/11/25 19:30:00;
  binding state free;
  hardware ethernet 08:00:27:29:4e:68;
}
lease 192.168.77.102 {
  starts epoch 1795633200; # Wed Nov 25 19:00:00 2026
  ends never;
  binding state active;
  hardware ethernet 08:00:27:29:4e:69;
}
lease 192.168.77.103 {
  binding state abandoned;
}
`;

// As dnsmasq 2.90 writes it.
const dnsmasq = `1795640400 ${mac} 192.168.77.100 node-1 01:08:00:27:29:4e:67
0 08:00:27:29:4e:68 192.168.77.101 * *
duid 00:01:00:01:2e:aa:bb:cc:08:00:27:29:4e:67
1795640400 1 fd00::1 * 00:01
`;

// As Kea 2.2 writes it.
const kea = `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context
192.168.77.100,${mac},01:08:00:27:29:4e:67,3600,1795636800,1,0,0,,0,
192.168.77.100,${mac},01:08:00:27:29:4e:67,3600,1795640400,1,0,0,node-1.site.example.,0,
192.168.77.101,08:00:27:29:4e:68,,3600,1795640400,1,0,0,,0,
192.168.77.101,08:00:27:29:4e:68,,0,1795640400,1,0,0,,0,
192.168.77.102,,,86400,1795640400,1,0,0,,1,
`;

describe("the lease files of other servers", () => {
  test("are told apart by their content", () => {
    expect([isc, dnsmasq, kea].map(detectLeaseFormat)).toEqual(["isc", "dnsmasq", "kea"]);
  });

  test("ISC dhcpd: what is active, with the last word on each address", () => {
    const { leases, problems } = readLeaseFile("isc", isc, nowMs);
    expect(problems).toEqual([]);
    expect(leases).toEqual([
      {
        mac,
        address: "192.168.77.100",
        state: "bound",
        startedAtMs: Date.UTC(2026, 10, 25, 19),
        expiresAtMs: Date.UTC(2026, 10, 25, 20, 30),
        hostname: "node-1",
        clientId: "01080027294e67",
      },
      expect.objectContaining({
        address: "192.168.77.102",
        startedAtMs: 1_795_633_200_000,
        expiresAtMs: nowMs + 0xffffffff * 1000,
      }),
    ]);
  });

  test("ISC dhcpd: of weeks in which every renewal was appended", () => {
    const entry = (address: string) => `lease ${address} {
  starts 3 2026/11/25 19:00:00;
  ends 3 2026/11/25 20:30:00;
  binding state active;
  hardware ethernet ${mac};
}
`;
    const entries = Array.from({ length: 20_000 }, (_, n) => entry(`10.0.0.${n % 200}`));
    const file = `${entries.join("")}${entry("nowhere")}`;
    const { leases, problems } = readLeaseFile("isc", file, nowMs);
    expect(leases).toHaveLength(200);
    expect(problems).toEqual([`line ${20_000 * 6 + 1}: "nowhere" is no address`]);
  });

  test("dnsmasq: one line each, 0 is forever, and IPv6 is left out", () => {
    const { leases, problems } = readLeaseFile("dnsmasq", dnsmasq, nowMs);
    expect(problems).toEqual([]);
    expect(leases).toEqual([
      {
        mac,
        address: "192.168.77.100",
        state: "bound",
        startedAtMs: nowMs,
        expiresAtMs: 1_795_640_400_000,
        hostname: "node-1",
        clientId: "01080027294e67",
      },
      expect.objectContaining({
        mac: "08:00:27:29:4e:68",
        expiresAtMs: nowMs + 0xffffffff * 1000,
        hostname: null,
        clientId: null,
      }),
    ]);
  });

  test("Kea: by the names of the columns, the last row of each address", () => {
    const { leases, problems } = readLeaseFile("kea", kea, nowMs);
    expect(problems).toEqual([]);
    expect(leases).toEqual([
      {
        mac,
        address: "192.168.77.100",
        state: "bound",
        startedAtMs: 1_795_636_800_000,
        expiresAtMs: 1_795_640_400_000,
        hostname: "node-1.site.example",
        clientId: "01080027294e67",
      },
    ]);
  });

  test("what cannot be read is told with its line, and the rest is taken", () => {
    const text = `soon ${mac} 192.168.77.1\n9 zz 192.168.77.2 * *\n9 ${mac} here * *\n${dnsmasq}`;
    const { leases, problems } = readLeaseFile("dnsmasq", text, nowMs);
    expect(leases).toHaveLength(2);
    expect(problems).toEqual([
      'line 1: "soon" is no time',
      'line 2: "zz" is no Ethernet address',
      'line 3: "here" is no address',
    ]);
  });

  test.each(["isc", "dnsmasq", "kea"] as const)("nothing in them stops %s's reader", (format) => {
    for (const text of [
      "",
      "\n\n",
      "lease {",
      "lease 1.2.3.4 {\n}",
      "\0\0\0",
      "a,b\n,,,,",
      kea,
      isc,
    ]) {
      expect(Array.isArray(readLeaseFile(format, text, nowMs).leases)).toBe(true);
    }
  });
});
