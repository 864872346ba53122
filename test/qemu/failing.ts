import { describe, expect, it } from "vitest";
import { bootUntil, useSite } from "./boots.ts";
import type { Firmware } from "./qemu-command.ts";
import type { SiteOptions } from "./site.ts";

/** How a boot is made to fail, what a machine of this firmware shows then, and the cause that is named. */
export interface FailingBoot {
  /** Goes on after "because". */
  readonly what: string;
  readonly firmware: Firmware;
  readonly site: SiteOptions;
  /** The line of its console after which it is left alone. */
  readonly screen: RegExp;
  readonly stage: string;
  readonly code: string;
  readonly cause: string;
  readonly who: string;
}

/** A machine boots at each of the sites, and the server names why it did not come up. */
export function describeFailures(failures: readonly FailingBoot[]): void {
  describe.each(failures)("because $what", (failure) => {
    const site = useSite(failure.site);

    it("is reported within a minute of its last sign, with its cause", async () => {
      const { firmware, screen, stage, code, cause, who } = failure;
      await bootUntil(site(), firmware, screen);
      const stalled = await site().server.waitForEvent("boot-stalled", null, 120_000);
      expect(stalled.fields).toMatchObject({
        mac: "52:54:00:77:00:01",
        stage,
        code,
        cause: expect.stringContaining(cause),
        who,
      });
    });
  });
}
