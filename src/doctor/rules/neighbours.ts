import { check } from "../check.ts";
import { lookAtNeighbours, type NeighbourState } from "../evidence/neighbours.ts";
import type { DoctorSite } from "../site.ts";

/** Where the kernel's table of neighbours is full, it sends nothing to the machine that is not in it. */
export const neighbourCheck = check<DoctorSite, NeighbourState>({
  id: "neighbours",
  quick: false,
  look: ({ settings }) => lookAtNeighbours(settings.config.interfaces),
  faults: [
    {
      code: "neighbour-table-small",
      cause:
        "the pools have {machines} addresses, and the kernel of this host knows at most {most} machines of its links at a time: where more boot at once, what is sent to the others is lost",
      remedy:
        "let it know more: sysctl -w net.ipv4.neigh.default.gc_thresh3={enough} net.ipv4.neigh.default.gc_thresh2={half}; and write that into /etc/sysctl.d/90-eim-pxe.conf, to stay",
      who: "site",
      status: "warn",
      when: ({ machines, most }) => {
        if (machines < most) return null;
        const enough = 2 ** Math.ceil(Math.log2(machines * 2));
        return { machines, most, enough, half: enough / 2 };
      },
    },
  ],
  fine: ({ machines, most }) =>
    `the kernel knows up to ${most} machines of its links at a time; the pools have ${machines} addresses`,
});
