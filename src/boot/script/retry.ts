/** `eim-try` has been counted up: wait and start over at `:eim-again`, a few times; then restart the machine. Never the shell. */
export function retryBlock(attempts: number): readonly string[] {
  return [
    `iseq \${eim-try} ${attempts} && goto eim-give-up ||`,
    `echo eim-pxe: failed \${eim-try} of ${attempts} times, trying again in 10 seconds`,
    "sleep 10 ||",
    // Images of the failed attempt; the running script is not among them.
    "imgfree ||",
    "goto eim-again",
    ":eim-give-up",
    `echo eim-pxe: failed ${attempts} times, this machine restarts in 30 seconds`,
    "sleep 30 ||",
    // Builds without `reboot` give the machine back to its firmware.
    "reboot || exit 1",
  ];
}
