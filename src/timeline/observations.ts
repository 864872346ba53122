import type { RegistrationStatus } from "../boot/registration.ts";
import { trustStages } from "../boot/script/image-trust.ts";
import type { EventFields, Machine, PxeEvent } from "../events/types.ts";
import type { Ip4 } from "../lib/ip4.ts";
import { type Certainty, moreCertain } from "./certainty.ts";

/** What an event said, and when: milliseconds on the monotonic clock. */
export type Seen<Name extends keyof EventFields> = Readonly<
  Omit<EventFields[Name], keyof Machine> & { atMs: number }
>;

/**
 * What was seen of one boot beside its stages, the latest of each kind: what the rules of diagnosis judge by.
 * Bounded, however much is seen.
 */
export interface Observations {
  /** What other servers offered, the latest of each. */
  readonly competing: readonly Seen<"competing-offer">[];
  /** The server that keeps firmware from looking at any proxy, where the machine took its address. */
  readonly unbeatable: Ip4 | null;
  /** The machine took the offer of another server than this one, in mode full. */
  readonly taken: Seen<"taken-elsewhere"> | null;
  /** Our own offer has an address in it: mode full. */
  readonly offersAddress: boolean;
  /** When its firmware, or iPXE, last took an address, from whatever server; and the time before that. */
  readonly addressAtMs: number | null;
  readonly formerAddressAtMs: number | null;
  /** When an operating system first asked for an address, since firmware or iPXE last did: what it takes is not theirs. */
  readonly systemAtMs: number | null;
  /** It declined the address that it was leased, because another host has it. */
  readonly declined: Seen<"lease-declined"> | null;
  /** Its address was refused (DHCPNAK). */
  readonly addressRefused: Seen<"lease-refused"> | null;
  /** How long it had asked when it was first heard, as it says itself (`secs`). */
  readonly firstSecs: number | null;
  /** Its DHCP request could not be answered. */
  readonly dhcpFailed: Seen<"dhcp-failed"> | null;
  /** It asked for a file's size by TFTP. */
  readonly tftpProbedAtMs: number | null;
  readonly tftpRefused: Seen<"tftp-refused"> | null;
  readonly tftpFailed: Seen<"tftp-failed"> | null;
  /** When it fetched `autoexec.ipxe`, which proves that iPXE runs. */
  readonly autoexecAtMs: number | null;
  /** The file of the asset folder that it fetched last, no stage of a boot. */
  readonly asset: Seen<"asset-sent"> | null;
  readonly httpRefused: Seen<"http-refused"> | null;
  /** Downloads that the machine broke off, the latest few. */
  readonly aborted: readonly Seen<"download-aborted">[];
  /** It waits in line for a download, behind so many machines. */
  readonly waiting: { readonly ahead: number; readonly sinceMs: number } | null;
  /** When the kernel's last byte left. */
  readonly kernelDoneAtMs: number | null;
  /** When its script reported that the kernel is started next. */
  readonly bootingAtMs: number | null;
  /** When its script last reported that it failed. */
  readonly failed: Seen<"beacon"> | null;
  /** What its script last reported of signatures. */
  readonly trust: Seen<"beacon"> | null;
  /** The last error of iPXE that stood in the machine's log (syslog), with its code: 8 hex digits. */
  readonly logged: { readonly errno: string; readonly text: string; readonly atMs: number } | null;
  /** Null: it was not asked. */
  readonly registration: SeenRegistration | null;
}

/** What the orchestrator said of the machine, or why it could not be asked. */
export interface SeenRegistration {
  readonly status: RegistrationStatus;
  /** The orchestrator's id of it; null: it has none. */
  readonly host: string | null;
  readonly code: string | null;
  readonly reason: string | null;
  readonly remedy: string | null;
  readonly atMs: number;
}

export const nothingObserved: Observations = {
  competing: [],
  unbeatable: null,
  taken: null,
  offersAddress: false,
  addressAtMs: null,
  formerAddressAtMs: null,
  systemAtMs: null,
  declined: null,
  addressRefused: null,
  firstSecs: null,
  dhcpFailed: null,
  tftpProbedAtMs: null,
  tftpRefused: null,
  tftpFailed: null,
  autoexecAtMs: null,
  asset: null,
  httpRefused: null,
  aborted: [],
  waiting: null,
  kernelDoneAtMs: null,
  bootingAtMs: null,
  failed: null,
  trust: null,
  logged: null,
  registration: null,
};

const maxCompeting = 8;
const maxAborted = 8;
/** An operating system that has had an address begins with the request for it, which tells of the address first. */
const sameRequestMs = 1000;

/** With what an event adds; the same object where it adds nothing. */
export function observed(before: Observations, event: PxeEvent, atMs: number): Observations {
  switch (event.event) {
    case "discover":
    case "ipxe-discover":
      return askedAgain(event.event === "discover" ? withSecs(before, event.secs) : before);
    case "system-dhcp":
      return withSystem(before, atMs);
    case "lease-declined":
      return { ...before, declined: { ...event, atMs } };
    case "lease-refused":
      return { ...before, addressRefused: { ...event, atMs } };
    case "offer":
      return event.address === null || before.offersAddress
        ? before
        : { ...before, offersAddress: true };
    case "competing-offer": {
      const others = before.competing.filter(
        ({ server, offered }) =>
          server !== event.server || (offered === null) !== (event.offered === null),
      );
      return { ...before, competing: [...others, { ...event, atMs }].slice(-maxCompeting) };
    }
    case "unbeatable-server":
      return { ...before, unbeatable: event.server };
    case "taken-elsewhere":
      return { ...withAddress(before, atMs), taken: { ...event, atMs } };
    case "address-learned":
    case "lease-granted":
      return withAddress(before, atMs);
    case "dhcp-failed":
      return { ...before, dhcpFailed: { ...event, atMs } };
    case "tftp-probe":
      return { ...before, tftpProbedAtMs: atMs };
    case "tftp-refused":
      return { ...before, tftpRefused: { ...event, atMs } };
    case "tftp-failed":
      return { ...before, tftpFailed: { ...event, atMs } };
    case "autoexec":
      return { ...before, autoexecAtMs: atMs };
    case "asset-sent":
      return { ...before, asset: { ...event, atMs } };
    case "http-refused":
      return { ...before, httpRefused: { ...event, atMs } };
    case "download-aborted": {
      const aborted = [...before.aborted, { ...event, atMs }].slice(-maxAborted);
      return { ...before, aborted, waiting: null };
    }
    case "download-waiting": {
      const sinceMs = before.waiting?.sinceMs ?? atMs;
      return { ...before, waiting: { ahead: event.ahead, sinceMs } };
    }
    case "download-admitted":
    case "kernel":
    case "initramfs-start":
      return before.waiting === null ? before : { ...before, waiting: null };
    case "kernel-done":
      return { ...before, kernelDoneAtMs: atMs };
    case "beacon":
      if (isOfTrust(event.stage)) return { ...before, trust: { ...event, atMs } };
      if (event.stage === "booting") return { ...before, bootingAtMs: atMs };
      return event.stage === "failed" ? { ...before, failed: { ...event, atMs } } : before;
    case "syslog": {
      const errno = event.app === "ipxe" ? loggedErrno(event.text) : null;
      return errno === null ? before : { ...before, logged: { errno, text: event.text, atMs } };
    }
    case "registered": {
      const { host } = event;
      const rest = { code: null, reason: null, remedy: null };
      return { ...before, registration: { status: "registered", host, ...rest, atMs } };
    }
    case "not-registered":
    case "registration-conflict":
    case "registration-unknown": {
      const { code, reason, remedy } = event;
      const host = "host" in event ? event.host : null;
      const status = registrationStatusOf[event.event];
      return { ...before, registration: { status, host, code, reason, remedy, atMs } };
    }
    default:
      return before;
  }
}

function withSecs(before: Observations, secs: number): Observations {
  return before.firstSecs === null ? { ...before, firstSecs: secs } : before;
}

/** Firmware runs, or iPXE: what is taken from now on is theirs. */
function askedAgain(before: Observations): Observations {
  return before.systemAtMs === null ? before : { ...before, systemAtMs: null };
}

function withAddress(before: Observations, atMs: number): Observations {
  if (before.systemAtMs !== null) return before;
  return { ...before, addressAtMs: atMs, formerAddressAtMs: before.addressAtMs };
}

/** The firmware gave up, and the machine went on to its disk. */
function withSystem(before: Observations, atMs: number): Observations {
  if (before.systemAtMs !== null) return before;
  const { addressAtMs, formerAddressAtMs } = before;
  const isOfSystem = addressAtMs !== null && atMs - addressAtMs < sameRequestMs;
  return {
    ...before,
    systemAtMs: atMs,
    addressAtMs: isOfSystem ? formerAddressAtMs : addressAtMs,
  };
}

const stagesOfTrust: ReadonlySet<string> = new Set(Object.values(trustStages));

/** Whether a report is about signatures. */
function isOfTrust(stage: string): boolean {
  return stagesOfTrust.has(stage);
}

/** iPXE ends what it says of an error with the page about it. */
function loggedErrno(text: string): string | null {
  return /\bipxe\.org\/(?:err\/)?([0-9a-f]{8})\b/.exec(text)?.[1] ?? null;
}

const registrationStatusOf = {
  "not-registered": "not-registered",
  "registration-conflict": "conflict",
  "registration-unknown": "unknown",
} as const;

/** A file that was sent to a machine to its last byte, in one boot. */
export interface GivenFile {
  readonly file: string;
  /** Of what was sent, in hex; null: a file of the site's own, whose bytes nobody has verified. */
  readonly sha256: string | null;
  /** When it was last sent. */
  readonly atMs: number;
  /** `proved`: to the machine; `reported`: to somebody who named it. */
  readonly certainty: Certainty;
}

/** Of one boot: a machine fetches five, and more where its loader has modules. */
export const mostGiven = 64;

/** The list with one more file, oldest first. What was proved is not pushed out by what was only named. */
function withGiven(given: readonly GivenFile[], one: GivenFile): readonly GivenFile[] {
  const isSame = (other: GivenFile): boolean =>
    other.file === one.file && other.sha256 === one.sha256;
  const before = given.find(isSame);
  const certainty = moreCertain(before?.certainty, one.certainty);
  // When somebody else fetches it once more, the machine has had it when it had it.
  const atMs = before !== undefined && one.certainty !== certainty ? before.atMs : one.atMs;
  const all = [...given.filter((other) => !isSame(other)), { ...one, certainty, atMs }];
  if (all.length <= mostGiven) return all;
  const named = all.findIndex((other) => other.certainty !== "proved");
  return all.toSpliced(Math.max(0, named), 1);
}

/** The list after an event; the same list where that says of no file that it was sent whole. */
export function givenAfter(
  given: readonly GivenFile[],
  event: PxeEvent,
  atMs: number,
  isClaim: boolean,
): readonly GivenFile[] {
  const sent = sentBy(event);
  const certainty = isClaim ? "reported" : "proved";
  return sent === null ? given : withGiven(given, { ...sent, atMs, certainty });
}

function sentBy(event: PxeEvent): Pick<GivenFile, "file" | "sha256"> | null {
  switch (event.event) {
    case "script":
      return { file: event.file ?? "boot.ipxe", sha256: event.sha256 ?? null };
    case "autoexec":
    case "loader-done":
    case "kernel-done":
    case "initramfs-done":
    case "asset-sent":
      return { file: event.file, sha256: event.sha256 ?? null };
    default:
      return null;
  }
}
