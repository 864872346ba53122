import { describe, expect, it } from "vitest";
import { z } from "zod";
import { bootUntil, useSite } from "./boots.ts";
import { run } from "./process.ts";
import type { LabNetwork } from "./network.ts";
import type { Firmware, Machine } from "./qemu-command.ts";
import type { Site, SiteOptions } from "./site.ts";

/** How a boot is made to fail, and what is said of it. */
export interface FailingBoot {
  /** Goes on after "because". */
  readonly what: string;
  readonly firmware: Firmware;
  readonly site: SiteOptions;
  /**
   * The line of its console after which it is switched off, each time that it is switched on. Null: it is
   * left alone until the server has said why it stands still.
   */
  readonly screen: RegExp | null;
  /** How often it is switched on; default: once. */
  readonly powerOns?: number;
  readonly memoryMiB?: number;
  readonly code: string;
  /** Part of the sentence. */
  readonly cause?: string;
  readonly who?: string;
  /** The stage at which it stands still. */
  readonly stage?: string;
}

/** Only for a server that says nothing: a busy machine may need ten times what a quiet one does. */
const SAID_WITHIN_MS = 600_000;

const diagnosedPage = z.object({
  boots: z.array(z.object({ diagnosis: z.object({ code: z.string() }).nullable() })),
});

/** A machine boots at each of the sites, and the server names why it did not come up. */
export function describeFailures(failures: readonly FailingBoot[]): void {
  describe.each(failures)("because $what", (failure) => {
    const site = useSite(failure.site);

    it(`is diagnosed as ${failure.code}`, async () => {
      const { firmware, memoryMiB, cause = "", who, stage, code } = failure;
      const machine: Machine = {
        ...site().newMachine(firmware),
        ...(memoryMiB === undefined ? {} : { memoryMiB }),
      };
      const fields = await failed(site(), machine, failure);
      const told = { code, ...(who === undefined ? {} : { who }) };
      const expected = { ...told, ...(stage === undefined ? {} : { stage }) };
      expect(fields).toMatchObject(expected);
      expect(fields.cause).toContain(cause);
      // A machine that repeats itself is reported before it stands still.
      await expect.poll(() => diagnosisOf(site(), machine), { timeout: SAID_WITHIN_MS }).toBe(code);
    });
  });
}

async function diagnosisOf(site: Site, { mac }: Machine): Promise<string | null> {
  const page = diagnosedPage.parse(await site.adminPage(`/api/v1/boots?mac=${mac}&limit=1`));
  return page.boots[0]?.diagnosis?.code ?? null;
}

/** Switches the machine on, and gives what the server says when it stands still or is refused. */
async function failed(site: Site, machine: Machine, { screen, powerOns = 1 }: FailingBoot) {
  const said = () =>
    Promise.any([
      site.server.waitForEvent("boot-stalled", machine.mac, SAID_WITHIN_MS),
      site.server.waitForEvent("dhcp-refused", machine.mac, SAID_WITHIN_MS),
    ]);
  if (screen === null) {
    const off = new AbortController();
    const powered = site.boot(machine, { signal: off.signal }).catch((cause: unknown) => cause);
    const { fields } = await said();
    off.abort();
    await powered;
    return inWords(fields);
  }
  for (let times = 0; times < powerOns; times++) await bootUntil(site, machine, screen);
  const { fields } = await said();
  return inWords(fields);
}

/** A refusal says the same by other names. */
function inWords(fields: Readonly<Record<string, unknown>>) {
  const { code = fields["why"], cause = fields["reason"] } = fields;
  return { ...fields, code, cause };
}

/**
 * A firewall on the way between the machines and the server, in the bridge: what it drops was sent all the
 * same. Its rules are nft's, such as `udp dport 69 drop`; incoming and outgoing as the server sees it.
 */
export async function addFirewall(
  network: LabNetwork,
  { incoming = [], outgoing = [] }: { incoming?: readonly string[]; outgoing?: readonly string[] },
): Promise<void> {
  const chain = (hook: string, rules: readonly string[]) => [
    `add chain bridge lab ${hook} { type filter hook ${hook} priority 0; }`,
    ...rules.map((rule) => `add rule bridge lab ${hook} ${rule}`),
  ];
  const chains = [...chain("input", incoming), ...chain("output", outgoing)];
  for (const line of ["add table bridge lab", ...chains]) await run(network.inside("nft", line));
}

/** What these tests need besides the lab's own. */
export const firewallTools = ["nft"] as const;
