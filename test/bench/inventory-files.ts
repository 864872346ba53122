import { stringify } from "yaml";
import { csvHeader } from "../../src/nodes/orchestrator-csv.ts";

/** Sites' inventories of so many machines, as each source has them. */

const hex = (n: number, digits: number) => n.toString(16).padStart(digits, "0");
const mac = (n: number) => `52:54:00:${hex(n, 6).match(/../g)?.join(":") ?? ""}`;
const address = (n: number) => `10.20.${n >> 8}.${n & 255}`;
const uuid = (n: number) => `4c4c4544-0000-1000-8000-00000000${hex(n, 4)}`;

export function hardwareSpec(n: number): object {
  const ip = { address: address(n), netmask: "255.255.0.0", gateway: "10.20.255.254" };
  const dhcp = {
    mac: mac(n),
    hostname: `node-${n}`,
    lease_time: 86_400,
    name_servers: ["10.20.255.253"],
    ip,
  };
  return { interfaces: [{ dhcp, netboot: { allowPXE: true, allowWorkflow: true } }] };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

export function eimFile(count: number): string {
  return stringify(
    numbers(count).map((n) => ({
      mac: mac(n),
      name: `node-${n}`,
      address: address(n),
      netmask: "255.255.0.0",
      router: "10.20.255.254",
      dns: ["10.20.255.253"],
      netboot: n % 3 === 0 ? "once" : "allow",
    })),
  );
}

export function hardwareFile(count: number): string {
  return numbers(count)
    .map((n) =>
      stringify({
        apiVersion: "tinkerbell.org/v1alpha1",
        kind: "Hardware",
        metadata: { name: `machine-${n}`, namespace: "tink" },
        spec: hardwareSpec(n),
      }),
    )
    .join("---\n");
}

export function csvFile(count: number): string {
  const rows = numbers(count).map((n) => `SERIAL${n},${uuid(n)}${",".repeat(11)}`);
  return `${[csvHeader, ...rows].join("\n")}\n`;
}
