import { unbeatableServer as unbeatableCause } from "../../boot/causes.ts";
import { addressOfferIn, unbeatableServer } from "../../dhcp/message/pxe-hijack.ts";
import { type Offer, offersBoot } from "../../pxe-client/wire/offers.ts";
import { check, type Fault } from "../check.ts";
import type { DoctorSite, HeardLink } from "../site.ts";

/* What other DHCP and PXE servers on a served link mean for it. */

/** Those that give out addresses, among them the servers of one database. */
const addressServers = ({ offers }: Pick<HeardLink, "offers">): readonly Offer[] =>
  offers.filter(({ address }) => address !== null);

/** Without the servers that share this one's database. */
const strangers = ({ offers, peers }: HeardLink): readonly Offer[] =>
  offers.filter(({ server }) => !peers.includes(server));

function names(offers: readonly Offer[]): string {
  return [...new Set(offers.map(({ server }) => server))].join(", ");
}

const wireFaults: readonly Fault<HeardLink>[] = [
  {
    code: "link-not-heard",
    cause: "it could not be listened on {interface} for other DHCP and PXE servers: {reason}",
    remedy:
      "run eim-pxe doctor as root (in a container: docker exec --user root), and while no DHCP client of this host holds port 68",
    who: "site",
    status: "warn",
    when: ({ link, unheard }) =>
      unheard === null ? null : { interface: link.name, reason: unheard },
  },
  {
    code: "link-not-asked",
    cause:
      "this host could not ask for other DHCP and PXE servers on {interface}: {reason}; what it sends to machines may be lost as well",
    remedy:
      "where a firewall of this host drops what it sends (EPERM), let UDP to ports 67 and 68 out on {interface} (nft list ruleset, iptables -S OUTPUT)",
    who: "site",
    status: "warn",
    when: ({ link, unasked }) =>
      unasked === null ? null : { interface: link.name, reason: unasked },
  },
  {
    code: "other-dhcp-server",
    cause:
      "another DHCP server, {server}, offers addresses on {interface}, where dhcp.mode is full: two on one link hand out the same addresses",
    remedy:
      "stop the other one; or set this interface's dhcp.mode: proxy, to serve what to boot beside it",
    who: "site",
    status: "fail",
    when: (heard) => {
      const others = addressServers({ offers: strangers(heard) });
      return heard.link.mode === "full" && others.length > 0 && !heard.config.dhcp.allowOtherServers
        ? { server: names(others), interface: heard.link.name }
        : null;
    },
  },
  {
    ...unbeatableCause,
    status: "fail",
    when: (heard) => {
      if (heard.link.mode !== "proxy") return null;
      const offers = addressServers(heard).flatMap(({ packet }) => addressOfferIn(packet) ?? []);
      const server = unbeatableServer(offers);
      return server === null ? null : { server, proxies: "this one and all others" };
    },
  },
  {
    code: "other-pxe-server",
    cause:
      "{server} also says on {interface} what to boot ({files}): firmware takes either answer, and often the other one",
    remedy:
      "remove the boot settings from {server} (options 60, 66, 67, next-server); eim-pxe explain --other-server says how for each product",
    who: "site",
    status: "warn",
    when: (heard) => {
      const others = strangers(heard).filter(offersBoot);
      if (others.length === 0) return null;
      const files = others.map(({ bootFile }) => bootFile ?? "a PXE menu").join(", ");
      return { server: names(others), interface: heard.link.name, files };
    },
  },
  {
    code: "no-dhcp-server",
    cause:
      "no DHCP server offers an unknown machine an address on {interface}, and mode proxy leaves that to one",
    remedy:
      "start the site's DHCP server, or let it answer unknown machines; where the site has none, set this interface's dhcp.mode: full",
    who: "site",
    status: "warn",
    when: (heard) =>
      heard.link.mode === "proxy" && addressServers(heard).length === 0
        ? { interface: heard.link.name }
        : null,
  },
];

export const wireCheck = check<Pick<DoctorSite, "wire">, HeardLink>({
  id: "other-servers",
  quick: false,
  look: (site) => site.wire(),
  faults: wireFaults,
  fine: (heard) => {
    const { link, offers, peers } = heard;
    const others = addressServers({ offers: strangers(heard) });
    const shared = names(offers.filter(({ server }) => peers.includes(server)));
    const said =
      others.length === 0
        ? `no other DHCP or PXE server answers on ${link.name}`
        : `${names(others)} gives out addresses on ${link.name} and says nothing of what to boot, as it should be`;
    return shared === ""
      ? said
      : `${said}; ${shared} shares this server's database and answers, too`;
  },
});
