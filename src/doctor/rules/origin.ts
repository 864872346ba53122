import { statusRules, transportRules } from "../../artifacts/origin/origin-rules.ts";
import { trustRules } from "../../artifacts/origin/trust-rules.ts";
import { check, type Fault, relayed } from "../check.ts";
import type { DoctorSite, OriginState } from "../site.ts";

/* Checks of the orchestrator and the way to it: reachable, trusted, complete; and this host's clock. */

type Asked = OriginState | { readonly url: null };

const originFaults: readonly Fault<Asked>[] = [
  {
    code: "origin-not-set",
    cause: "artifacts.origin is not set, so there is nothing to mirror",
    remedy:
      "set it to the orchestrator's URL that ends in /tink-stack, or bring a set with: eim-pxe artifacts import PATH",
    who: "site",
    status: "warn",
    when: ({ url }) => (url === null ? {} : null),
  },
  ...relayed<Asked>([...transportRules, ...statusRules, ...trustRules], "fail", (asked) => {
    if (asked.url === null || asked.fault === null) return null;
    const { message, finding } = asked.fault;
    return finding === null
      ? null
      : { ...finding, cause: `${askedFor(asked.url, message, finding.cause)}${finding.cause}` };
  }),
  {
    code: "origin-unusable",
    cause: "{url} cannot be used: {reason}",
    remedy: "do what the message says, then run eim-pxe doctor again",
    who: "site",
    status: "fail",
    when: (asked) =>
      asked.url === null || asked.fault === null
        ? null
        : { url: asked.url, reason: asked.fault.message.replaceAll("\n", "; ").replace(/\.$/, "") },
  },
  {
    code: "origin-incomplete",
    cause: "{url} answers, and does not have {files}",
    remedy:
      "check the path of artifacts.origin, which ends in /tink-stack, and artifacts.files; while the orchestrator rebuilds its files (5 to 15 minutes after a restart) wait",
    who: "orchestrator",
    status: "fail",
    when: (asked) =>
      asked.url === null || asked.missing.length === 0
        ? null
        : { url: asked.url, files: asked.missing.join(", ") },
  },
];

/** What was asked for and how it was answered, as the message has it before the cause; there may be several origins. */
function askedFor(url: string, message: string, cause: string): string {
  const before = message.slice(0, Math.max(0, message.indexOf(cause)));
  return before === "" || before.includes("\n") ? `${url}: ` : before;
}

export const originCheck = check<DoctorSite, Asked>({
  id: "origin",
  quick: false,
  look: async (site): Promise<readonly Asked[]> => {
    const states = await site.origins();
    return states.length === 0 ? [{ url: null }] : states;
  },
  faults: originFaults,
  fine: ({ url }) => `${url ?? ""} answers and has all files`,
});

const DAY_MS = 86_400_000;
/** The orchestrator renews its certificate 90 days before its end. */
const SOON_DAYS = 30;

interface Validity {
  readonly url: string;
  readonly days: number;
  readonly until: string;
  readonly fingerprint: string;
}

export const certificateCheck = check<DoctorSite, Validity>({
  id: "certificate",
  quick: false,
  look: async (site) =>
    (await site.origins()).flatMap(({ url, certificate }) =>
      certificate === null
        ? []
        : [
            {
              url,
              days: Math.floor((certificate.expiresAtMs - site.now()) / DAY_MS),
              until: new Date(certificate.expiresAtMs).toISOString().slice(0, 10),
              fingerprint: certificate.fingerprint,
            },
          ],
    ),
  faults: [
    {
      code: "certificate-expires-soon",
      cause: "the certificate of {url} expires in {days} days, on {until}",
      remedy:
        "have it renewed; the orchestrator does so 90 days ahead, restart its DKAM if it has not",
      who: "orchestrator",
      status: "warn",
      when: ({ url, days, until }) => (days < SOON_DAYS ? { url, days, until } : null),
    },
  ],
  fine: ({ url, until, fingerprint }) =>
    `${url} presents a trusted certificate, valid until ${until}, SHA-256 ${fingerprint}`,
});

interface Skew {
  readonly host: string;
  readonly aheadMs: number;
  readonly now: string;
}

const clockValues = ({ host, aheadMs, now }: Skew) => ({
  by: inWords(Math.abs(aheadMs)),
  way: aheadMs > 0 ? "ahead of" : "behind",
  host,
  now,
});

export const clockCheck = check<DoctorSite, Skew>({
  id: "clock",
  quick: false,
  look: async (site) => {
    const asked = (await site.origins()).find(({ aheadMs }) => aheadMs !== null);
    if (asked?.aheadMs === undefined || asked.aheadMs === null) return [];
    const now = new Date(site.now()).toISOString();
    return [{ host: new URL(asked.url).host, aheadMs: asked.aheadMs, now }];
  },
  faults: [
    {
      code: "clock-wrong",
      cause: "this host's clock says {now}, {by} {way} {host}",
      remedy:
        "set it: timedatectl set-ntp true, or chronyc makestep; certificates are judged by it",
      who: "site",
      status: "fail",
      when: (skew) => (Math.abs(skew.aheadMs) >= DAY_MS ? clockValues(skew) : null),
    },
    {
      code: "clock-differs",
      cause: "this host's clock says {now}, {by} {way} that of {host}",
      remedy: "have a time service set it: timedatectl set-ntp true",
      who: "site",
      status: "warn",
      when: (skew) => (Math.abs(skew.aheadMs) >= 300_000 ? clockValues(skew) : null),
    },
  ],
  fine: ({ host, now }) => `this host's clock agrees with ${host} (${now})`,
});

function inWords(ms: number): string {
  if (ms >= 2 * DAY_MS) return `${Math.round(ms / DAY_MS)} days`;
  return ms >= 7_200_000
    ? `${Math.round(ms / 3_600_000)} hours`
    : `${Math.round(ms / 60_000)} minutes`;
}
