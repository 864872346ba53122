/** A step of a boot that failed as a real machine's would: the server refused, or nothing came. */
export class BootFailure extends Error {
  readonly code = "EIM_PXE_BOOT_FAILURE";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "BootFailure";
  }
}
