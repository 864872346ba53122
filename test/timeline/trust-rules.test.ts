import { describe, expect, test } from "vitest";
import { UNSIGNED } from "../../src/boot/script/image-trust.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { type Beat, BootStory, say } from "../support/boot-story.ts";
import { fetched, inIpxe } from "../support/failing-boots.ts";

/* What a machine says of the signatures that its iPXE was to check. */

const file = "vmlinuz-x86_64";

function said(stage: string, errno: string | null = null): PxeEvent {
  return { ...say.beacon("failed", errno), stage, message: file };
}

/** As the script does it: what it is about, and then that it failed. */
function refused(errno: string): readonly Beat[] {
  return [...fetched, [16, said("signature-refused", errno)], [17, say.beacon("failed", errno)]];
}

describe("a machine whose iPXE checks signatures", () => {
  test.each([
    ["0227e13b", "signature-refused", /refused vmlinuz-x86_64 .*not what was signed/],
    ["0216e63b", "signer-unknown", /the signature of vmlinuz-x86_64/],
    ["022ae23b", "signer-unknown", /the certificate that signed it/],
    ["2d0c613b", "signature-missing", /no signature of it here/],
    ["", "signature-refused", /refused vmlinuz-x86_64/],
  ])("and that refuses a file with error %s: %s, at once", (errno, code, cause) => {
    const found = new BootStory().play(refused(errno)).diagnosis(60);
    expect(found).toMatchObject({ code, cause: expect.stringMatching(cause), who: "site" });
    expect(`${found?.cause} ${found?.remedy} ${found?.onScreen.join(" ")}`).not.toMatch(/[{}]/);
    expect(found?.evidence.join("\n")).toContain(`the signature of ${file} does not hold`);
  });

  test("and that lacks the command where it is required", () => {
    const beats: readonly Beat[] = [
      ...fetched,
      [16, said("cannot-verify")],
      [17, say.beacon("failed", "2e022001")],
    ];
    expect(new BootStory().play(beats).diagnosis(0)?.code).toBe("loader-cannot-verify");
  });

  test("and that lacks the command, which is not required, is no fault", () => {
    const beats: readonly Beat[] = [
      ...fetched,
      [16, said("not-verified")],
      [17, say.beacon("booting")],
      [30, say.microOs()],
    ];
    const story = new BootStory().play(beats);
    expect(story.diagnosis(1000)).toBeNull();
  });

  test("and that tries again with success has nothing wrong", () => {
    const story = new BootStory().play([
      ...refused("0227e13b"),
      [30, say.script()],
      [31, say.kernel()],
    ]);
    expect(story.diagnosis(0)).toBeNull();
  });

  test("gets no script where nobody has signed anything, and it is no empty mirror", () => {
    const event = { ...say.httpRefused(503), reason: `${UNSIGNED}. Run: eim-pxe artifacts sign` };
    const found = new BootStory().play([...inIpxe, [3, event]]).diagnosis(100);
    expect(found).toMatchObject({ code: "generation-unsigned", certainty: "proved" });
  });
});
