import type { Finding } from "./finding.ts";

/**
 * The errors of eim-pxe. Each kind has a stable `code`; the command line turns the kind into an
 * exit code and prints the message, which says what happened, why, and what to do next.
 */

/** The configuration cannot be used (exit 2). `problems` are ready to print, one a line. */
export class ConfigError extends Error {
  readonly code = "EIM_PXE_CONFIG";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** An error whose message is also there as a finding, for those who show cause and remedy apart. */
export interface ExplainedOptions extends ErrorOptions {
  readonly finding?: Finding | null;
}

/** A socket could not be had (exit 1): which one, who may hold it, how to get the privilege. */
export class BindError extends Error {
  readonly code = "EIM_PXE_BIND";
  /** Null where no rule says why. */
  readonly finding: Finding | null;

  constructor(message: string, options?: ExplainedOptions) {
    super(message, options);
    this.name = "BindError";
    this.finding = options?.finding ?? null;
  }
}

export type DecodeLayer = "capture" | "dhcp" | "dhcp-option" | "tftp" | "journal";

/** Bytes from outside that are not what their place demands. Counted and dropped, never fatal. */
export class DecodeError extends Error {
  readonly code = "EIM_PXE_DECODE";
  readonly layer: DecodeLayer;
  /** Where in the buffer the fault was found, in bytes. */
  readonly offset: number;
  readonly reason: string;

  constructor(layer: DecodeLayer, offset: number, reason: string) {
    super(`${layer}: ${reason} at byte ${offset}`);
    this.name = "DecodeError";
    this.layer = layer;
    this.offset = offset;
    this.reason = reason;
  }
}

/** What `decode` reads, or null where it throws `DecodeError`. */
export function decodedOrNull<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

/** Another DHCP server is on a link in mode full (exit 1). `other` names it, with its link. */
export class OtherServerError extends Error {
  readonly code = "EIM_PXE_OTHER_SERVER";

  constructor(other: string) {
    super(
      `another DHCP server answers: ${other}. Two of them on one link hand out the same addresses, ` +
        "so this one does not serve it. Stop the other one; or set the interface's dhcp.mode: proxy, to serve what " +
        "to boot beside it; or, if both are meant to be there and have no address in common, set " +
        "dhcp.allowOtherServers: true",
    );
    this.name = "OtherServerError";
  }
}

/** The mirror could not be brought up to date; the generation that was served stays. */
export class SyncError extends Error {
  readonly code = "EIM_PXE_SYNC";
  /** Null where no rule says why. */
  readonly finding: Finding | null;

  constructor(message: string, options?: ExplainedOptions) {
    super(message, options);
    this.name = "SyncError";
    this.finding = options?.finding ?? null;
  }
}

/** The server that a command wants to ask is not there, or does not answer (exit 5). */
export class UnreachableError extends Error {
  readonly code = "EIM_PXE_UNREACHABLE";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UnreachableError";
  }
}

/** A fault of ours: a caller broke a rule that types cannot express. */
export class InternalError extends Error {
  readonly code = "EIM_PXE_INTERNAL";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "InternalError";
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The errno name (`EADDRINUSE`, `ENOENT`, …) of a Node system error, if it is one. */
export function errnoOf(thrown: unknown): string | null {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") {
    return thrown.code;
  }
  return null;
}
