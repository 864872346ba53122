import { statSync } from "node:fs";
import type { Emit } from "../../events/types.ts";
import type { TlsIdentity, TlsIdentitySource } from "../../http/connections/handshakes.ts";
import type { Clock } from "../../lib/clock.ts";
import { ConfigError, errnoOf, messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import {
  readServerCertificate,
  type ServerCertificate,
  type TlsFiles,
} from "../settings/tls-files.ts";

export interface BootCertificateParts {
  readonly files: TlsFiles;
  /** Where they are named; default: `http.tls`. */
  readonly setting?: "http.tls" | "admin.tls";
  /** As it was read at the start. */
  readonly certificate: ServerCertificate;
  readonly emit: Emit;
  readonly clock: Pick<Clock, "wall">;
}

const lookEveryMs = 10_000;
const dayMs = 86_400_000;
/** Days before its end: a month to renew it in peace, a week to do it now, the end. */
const warnings = [30, 7, 0];

/** The boot port's certificate: renewed files are taken up while the server runs, and its end is told in time. */
export class BootCertificate implements TlsIdentitySource {
  readonly #parts: BootCertificateParts;
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();
  /** Addresses that are served with it. */
  readonly #addresses = new Set<Ip4>();
  #certificate: ServerCertificate;
  /** Of the files as they were read last. */
  #seen: string;
  /** The smallest of `warnings` that was given. */
  #warned = Infinity;
  readonly #timer: NodeJS.Timeout;

  constructor(parts: BootCertificateParts) {
    this.#parts = parts;
    this.#certificate = parts.certificate;
    this.#seen = this.#stateOfFiles();
    this.#timer = setInterval(() => this.look(), lookEveryMs).unref();
    this.#tell();
  }

  get current(): TlsIdentity {
    return this.#certificate;
  }

  subscribe(listener: (identity: TlsIdentity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Machines ask this address. */
  served(address: Ip4): void {
    this.#addresses.add(address);
    this.#warnOfAddress(address);
  }

  /** Takes up what has changed; what cannot be used changes nothing. */
  look(): void {
    const state = this.#stateOfFiles();
    if (state !== this.#seen) {
      this.#seen = state;
      this.#read();
    }
    this.#warnOfEnd();
  }

  /** Reads the files whether or not they look changed. */
  reload(): void {
    this.#seen = this.#stateOfFiles();
    this.#read();
    this.#warnOfEnd();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #read(): void {
    const { files, emit } = this.#parts;
    try {
      const read = readServerCertificate(files, this.#parts.setting);
      const isNew = read.fingerprint !== this.#certificate.fingerprint;
      if (!isNew && read.key === this.#certificate.key) return;
      this.#certificate = read;
    } catch (error) {
      const reason = error instanceof ConfigError ? error.problems.join("; ") : messageOf(error);
      emit({ event: "boot-certificate-rejected", ...files, reason });
      return;
    }
    this.#warned = Infinity;
    for (const listener of this.#listeners) listener(this.#certificate);
    this.#tell();
    for (const address of this.#addresses) this.#warnOfAddress(address);
  }

  #tell(): void {
    const { fingerprint, expiresAtMs } = this.#certificate;
    const expiresAt = new Date(expiresAtMs).toISOString();
    const { certFile } = this.#parts.files;
    this.#parts.emit({ event: "boot-certificate", certFile, fingerprint, expiresAt });
    this.#warnOfEnd();
  }

  #warnOfEnd(): void {
    const { files, emit, clock } = this.#parts;
    const { expiresAtMs } = this.#certificate;
    const days = (expiresAtMs - clock.wall()) / dayMs;
    const due = warnings.findLast((warning) => days <= warning);
    if (due === undefined || due >= this.#warned) return;
    this.#warned = due;
    const expiresAt = new Date(expiresAtMs).toISOString();
    const { certFile } = files;
    const whole = Math.floor(days);
    emit({ event: "boot-certificate-expiring", certFile, expiresAt, days: whole });
  }

  #warnOfAddress(address: Ip4): void {
    if (this.#certificate.covers(address)) return;
    const { certFile } = this.#parts.files;
    this.#parts.emit({ event: "boot-certificate-address", certFile, address });
  }

  /** Changes whenever a file is written or replaced, also behind symbolic links. */
  #stateOfFiles(): string {
    const { certFile, keyFile } = this.#parts.files;
    return [certFile, keyFile].map(stateOf).join(" ");
  }
}

/** Never throws: a file that cannot be looked at cannot be read either, and that reports why. */
function stateOf(file: string): string {
  try {
    const { ino, size, mtimeNs } = statSync(file, { bigint: true });
    return `${ino} ${size} ${mtimeNs}`;
  } catch (error) {
    return errnoOf(error) ?? messageOf(error);
  }
}
