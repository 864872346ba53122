/** What went wrong with a download, as far as a client can tell. */
export type Fault =
  /** Nothing came back, or no more. */
  | { readonly kind: "silent" }
  /** The system could not reach it: an errno name, such as `ECONNREFUSED`. */
  | { readonly kind: "unreachable"; readonly errno: string }
  /** An HTTP status other than 200; `text` is the start of the body, `location` where it sends to. */
  | {
      readonly kind: "http-status";
      readonly status: number;
      readonly text: string;
      readonly location: string | null;
    }
  /** RFC 1350 5: a TFTP ERROR packet. */
  | { readonly kind: "tftp-error"; readonly code: number; readonly message: string }
  /** What came makes no sense or broke off. */
  | { readonly kind: "broken" };

/** A step of a boot that failed as a real machine's would: the server refused, or nothing came. */
export class BootFailure extends Error {
  readonly code = "EIM_PXE_BOOT_FAILURE";
  readonly fault: Fault;

  constructor(message: string, options: ErrorOptions & { readonly fault?: Fault } = {}) {
    super(message, options);
    this.name = "BootFailure";
    this.fault = options.fault ?? { kind: "broken" };
  }
}
