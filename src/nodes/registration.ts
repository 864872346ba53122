import { z } from "zod";
import type { MachineIdentity } from "../boot/identity/identity.ts";
import { swappedUuid } from "../boot/identity/uuid.ts";
import { alreadyOnboarded, notRegistered, registeredOtherwise } from "../boot/registration.ts";
import { printable } from "../lib/bytes.ts";
import { filledIn, type Finding } from "../lib/finding.ts";
import { namesMachine, serialFault } from "./orchestrator-csv.ts";

/*
 * Whether a machine is registered at the orchestrator, by what its API says of hosts
 * (GET /v1/projects/PROJECT/compute/hosts). The API knows no MAC address: a machine is found by UUID and serial number.
 */

const text = z.string().nullish();
const host = z.looseObject({
  resourceId: text,
  name: text,
  uuid: text,
  serialNumber: text,
  currentState: text,
});
export type Host = z.output<typeof host>;

/** One host, with what people and programs note of it. */
export const hostReply = host.extend({
  metadata: z.array(z.looseObject({ key: z.string(), value: z.string() })).nullish(),
});

/** A page of hosts. */
export const hostsReply = z.looseObject({
  hosts: z.array(host).nullish(),
  hasNext: z.boolean().nullish(),
});

/** The API takes no longer filter. */
const MAX_FILTER = 1000;

/** The filter (AIP-160) for the hosts that a machine may be; null: it has neither a UUID nor a serial number of its own. */
export function hostFilter({ uuid, serial }: Omit<MachineIdentity, "mac">): string | null {
  const parts: string[] = [];
  if (uuid !== null && namesMachine(uuid)) {
    // Firmware and programs differ in the byte order that they read it in.
    parts.push(...new Set([uuid, swappedUuid(uuid)].map((one) => `uuid='${one}'`)));
  }
  if (serial !== null && serialFault(serial) === null) parts.push(`serialNumber='${serial}'`);
  return parts.length === 0 ? null : parts.join(" OR ");
}

/** How many of these filters, from the first on, fit into one, and that one. */
export function joinedFilter(filters: readonly string[]): {
  readonly filter: string;
  readonly count: number;
} {
  let filter = "";
  let count = 0;
  for (const one of filters) {
    const next = filter === "" ? one : `${filter} OR ${one}`;
    if (next.length > MAX_FILTER) break;
    filter = next;
    count += 1;
  }
  return { filter, count };
}

/** What the orchestrator has of a machine. */
export type Registration =
  | {
      readonly status: "registered";
      readonly host: string;
      readonly name: string | null;
      readonly state: string | null;
      readonly by: "uuid" | "serial";
    }
  | { readonly status: "not-registered"; readonly finding: Finding }
  | { readonly status: "conflict"; readonly host: string; readonly finding: Finding };

/** Of a machine that `hostFilter` has a filter for, by the hosts that the API found with it. */
export function registrationOf(
  machine: Omit<MachineIdentity, "mac">,
  hosts: readonly Host[],
): Registration {
  const uuid = machine.uuid !== null && namesMachine(machine.uuid) ? machine.uuid : null;
  const serial =
    machine.serial !== null && serialFault(machine.serial) === null ? machine.serial : null;
  const isUuid = (one: Host) => {
    const other = one.uuid?.toLowerCase() ?? "";
    return uuid !== null && [uuid, swappedUuid(uuid)].includes(other);
  };
  const isSerial = (one: Host) => serial !== null && one.serialNumber === serial;
  const found = hosts.find((one) => isUuid(one) && isSerial(one)) ?? hosts.find(isUuid);
  const known = found ?? hosts.find(isSerial);
  if (known === undefined) {
    const values = { uuid: uuid ?? "unknown", serial: serial ?? "unknown" };
    return { status: "not-registered", finding: filledIn(notRegistered, values) };
  }
  const name = shown(known.resourceId) ?? shown(known.name) ?? "without a name";
  const conflict = (row: Finding, values: Readonly<Record<string, string>>): Registration => {
    return { status: "conflict", host: name, finding: filledIn(row, { host: name, ...values }) };
  };
  const other = otherData(known, { uuid, serial }, { isUuid, isSerial });
  if (other !== null) return conflict(registeredOtherwise, other);
  const state = shown(known.currentState?.replace("HOST_STATE_", "").toLowerCase());
  if (state !== null && ["onboarded", "untrusted", "deleted"].includes(state)) {
    return conflict(alreadyOnboarded, { state });
  }
  return {
    status: "registered",
    host: name,
    name: shown(known.name),
    state,
    by: isUuid(known) ? "uuid" : "serial",
  };
}

/** In what a host contradicts the machine; null: in nothing. What either does not say contradicts nothing. */
function otherData(
  known: Host,
  { uuid, serial }: { readonly uuid: string | null; readonly serial: string | null },
  {
    isUuid,
    isSerial,
  }: { readonly isUuid: (one: Host) => boolean; readonly isSerial: (one: Host) => boolean },
): { readonly theirs: string; readonly ours: string } | null {
  const [theirUuid, theirSerial] = [shown(known.uuid), shown(known.serialNumber)];
  if (uuid !== null && theirUuid !== null && !isUuid(known)) {
    return { theirs: `UUID ${theirUuid}`, ours: `UUID ${uuid}` };
  }
  if (serial !== null && theirSerial !== null && !isSerial(known)) {
    return { theirs: `serial number ${theirSerial}`, ours: `serial number ${serial}` };
  }
  return null;
}

/** Another server's text, fit for a log and a page; null: it has none. */
function shown(value: string | null | undefined): string | null {
  return value == null || value === "" ? null : printable(value, 100);
}
