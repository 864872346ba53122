import { architectureName } from "../../boot/architecture.ts";
import { readCompetingOffer } from "../../dhcp/message/competing-offer.ts";
import { type Finding, judge } from "../../lib/finding.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import { type Boot, newBoot, withStep } from "../../timeline/boot.ts";
import { nothingObserved } from "../../timeline/observations.ts";
import { type BootEvidence, bootRules } from "../../timeline/rules.ts";
import type { Firmware } from "../wire/dhcp-requests.ts";
import type { Offer } from "../wire/offers.ts";

/*
 * What the rows by which a server judges boots say of the probe's machine. The offers of other servers, which a server
 * overhears at best, the probe was sent itself.
 */

/** Of firmware that asked a boot server on port 4011 and got no answer, in their order. */
const askedInVain: ReadonlySet<string> = new Set(["broken-boot-menu", "preferred-boot-server"]);

/** The rows that are shared, for the list of causes. */
export const sharedRules = bootRules.filter(
  ({ code }) => askedInVain.has(code) || code === "server-out-of-reach",
);

/** The machine, as what firmware it asked, and what it was offered. */
export interface OfferedBoot {
  readonly mac: Mac;
  readonly firmware: Firmware;
  readonly offers: readonly Offer[];
}

/** Why an address server's offer made firmware ask a boot server that is silent; null: the rows do not tell. */
export function whyAskedInVain(offered: OfferedBoot, asked: Offer): Finding | null {
  const rules = sharedRules.filter(({ code }) => askedInVain.has(code));
  const evidence = evidenceOf({ ...offered, offers: [asked] }, asked.server);
  return judge(rules, evidence);
}

/** Why a machine does not get from the address that it is offered to the server of its loader; null: it does. */
export function whyOutOfReach(offered: OfferedBoot, server: Ip4): Finding | null {
  const rules = sharedRules.filter(({ code }) => !askedInVain.has(code));
  return judge(rules, evidenceOf(offered, server));
}

/**
 * A boot that was offered its loader and took an address, and went no further.
 *
 * @param own the address that the loader is fetched from
 */
function evidenceOf({ mac, firmware, offers }: OfferedBoot, own: Ip4): BootEvidence {
  const at = { nowMs: 0, wallMs: 0 };
  const seen = { mac, address: null };
  const architecture = architectureName({ bios: 0, uefi: 7, "uefi-http": 16, ipxe: 7 }[firmware]);
  const asked = { architecture, broadcast: true };
  const empty = newBoot({ key: mac, number: 0, trace: null }, "discover", at, null);
  const discovered = withStep(empty, "discover", seen, asked, at.nowMs);
  const boot: Boot = {
    ...withStep(discovered, "offer", seen, {}, at.nowMs),
    seen: {
      ...nothingObserved,
      addressAtMs: at.nowMs,
      competing: offers.flatMap(({ packet }) => {
        const offer = readCompetingOffer(packet, own);
        if (offer === null) return [];
        const { address: offered, ...rest } = offer;
        return [{ ...rest, offered, interface: "", atMs: at.nowMs }];
      }),
    },
  };
  const site = {
    othersUseTftp: false,
    othersReportBooting: false,
    othersPassUs: false,
    otherCard: null,
    shared: null,
    hearsOffers: true,
  };
  return { boot, earlier: [], site };
}
