import { describe, expect, test } from "vitest";
import { say } from "../support/boot-story.ts";
import { addressed, initramfs, loaded, saidOf, twiceInVain } from "../support/failing-boots.ts";

describe("what was seen of a boot", () => {
  test("has how far the boots in a row before it came, where the cause is that they are several", () => {
    const found = saidOf(twiceInVain);
    expect(found?.cause).toContain("2 times in a row");
    expect(found?.evidence.filter((line) => line.endsWith("loader-done"))).toEqual([
      "6.0 s before, in another boot: loader-done",
      "3.0 s: loader-done",
    ]);
  });

  test("has no other boot where there was none", () => {
    expect(saidOf(loaded)?.evidence.join("\n")).not.toContain("another boot");
  });

  test("does not read as if a transfer's bytes had arrived that were only sent", () => {
    const found = saidOf([...addressed, [3, say.loaderStart()], [40, say.tftpFailed(1468 * 4)]]);
    expect(found?.cause).toContain("acknowledges no TFTP block");
    expect(found?.evidence.at(-1)).toBe(
      "40.0 s: the TFTP transfer of ipxe.efi was given up, with 5.9 kB sent: the client stopped answering",
    );
  });

  test("has sizes as people say them", () => {
    const found = saidOf([...initramfs, [9, say.aborted(90_000_000)], [10, say.aborted(512)]]);
    expect(found?.evidence.slice(-2)).toEqual([
      "9.0 s: the machine broke off the download of initramfs-x86_64 after 90 MB",
      "10.0 s: the machine broke off the download of initramfs-x86_64 after 512 bytes",
    ]);
  });
});
