import { describe, expect, test } from "vitest";
import { ipxeCodes, ipxeKinds } from "../../src/timeline/codes/ipxe-codes.ts";
import { reportedCodes } from "../../src/timeline/rules/report-rules.ts";
import { type Beat, BootStory, say } from "../support/boot-story.ts";
import { initramfs, loaded, scripted } from "../support/failing-boots.ts";

function failing(errno: string | null, before: readonly Beat[] = scripted): BootStory {
  return new BootStory().play([...before, [9, say.beacon("failed", errno)]]);
}

describe("a machine that reports its own error", () => {
  test.each([...reportedCodes])(
    "error %s is %s, at once and with the machine's words",
    (digits, code) => {
      const errno = digits.padEnd(6, "1").padEnd(8, "9");
      const found = failing(errno).diagnosis(0);
      expect(found).toMatchObject({ code, certainty: "reported", onScreen: [errno] });
      expect(found?.cause).toContain(`reported error ${errno}`);
      expect(`${found?.cause} ${found?.remedy}`).not.toMatch(/[{}]/);
      expect(found?.evidence.at(-1)).toContain(`with error ${errno}`);
    },
  );

  test("has a cause for every error that the tables of codes have", () => {
    const digits = [...ipxeCodes, ...ipxeKinds].map(([one]) => one);
    expect([...reportedCodes.keys()].toSorted()).toEqual(digits.toSorted());
  });

  test("is said nothing more of once it goes on", () => {
    const story = failing("0f0a6039").play([
      [19, say.script()],
      [20, say.kernel()],
    ]);
    expect(story.diagnosis(0)).toBeNull();
  });

  test.each([
    ["its loader", loaded, "4c0a6039", "reported-http-timeout"],
    ["its initramfs", initramfs, "31006003", "reported-no-memory"],
  ] as const)("is believed before what is inferred of %s", (_, before, errno, code) => {
    expect(failing(errno, before).diagnosis(300)?.code).toBe(code);
  });

  test("is told which file this server refused, where that is its error", () => {
    const refused: readonly Beat[] = [...scripted, [8, say.httpRefused(404)]];
    expect(failing("2d0c6139", refused).diagnosis(0)).toMatchObject({
      code: "file-not-served",
      certainty: "proved",
    });
    expect(failing("0f0a6039", refused).diagnosis(0)?.code).toBe("reported-http-closed");
  });

  test("has a reason also where its error is in no table, or none came", () => {
    for (const errno of ["12345678", null]) {
      expect(failing(errno).diagnosis(100)).toMatchObject({
        code: "script-failed",
        certainty: "reported",
      });
    }
  });
});
