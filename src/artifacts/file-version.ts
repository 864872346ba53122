/** What HTTP says about the version of a file (RFC 9110 8.8). */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

/** A version of a file that is here already. */
export interface KnownVersion extends Validators {
  /** Another eim-pxe's entity tags are made of it. */
  readonly sha256?: string;
}

/** The beginning of a file that was fetched before. */
export interface Beginning {
  readonly bytes: number;
  readonly validators: Validators;
}
