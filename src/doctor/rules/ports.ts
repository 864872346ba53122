import { bindRules } from "../../lib/bind-error.ts";
import { check, relayed } from "../check.ts";
import type { Binding, DoctorSite } from "../site.ts";

/* Whether the ports that `serve` opens can be had. */

type Bound = Binding & { readonly running: number | null };

const privilege: readonly string[] = ["port-privileged", "device-binding-denied"];

const isPrivilege = ({ finding }: Binding): boolean =>
  finding !== null && privilege.includes(finding.code);

/** systemd has other ports for others, such as TFTP's for `tftp.socket`. */
const isPassed = ({ holder, mayBePassed }: Binding): boolean =>
  mayBePassed && holder?.pid === 1 && holder.name === "systemd";

/** What holds a port for us. */
const isOurs = (bound: Bound): boolean => {
  const { holder, running, finding } = bound;
  if (finding?.code !== "port-in-use") return false;
  return holder === null ? running !== null : holder.pid === running || isPassed(bound);
};

/** The first port that this user may not open, and the process of the server that has opened it already. */
interface Privilege {
  readonly denied: Binding | null;
  readonly running: number | null;
}

type Bindings = Pick<DoctorSite, "bindings"> & {
  readonly running: { readonly pid: number } | null;
};

export const privilegesCheck = check<Bindings, Privilege>({
  id: "privileges",
  quick: false,
  look: async (site) => {
    const bindings = await site.bindings();
    const denied = bindings.find(isPrivilege) ?? null;
    return bindings.length === 0 ? [] : [{ denied, running: site.running?.pid ?? null }];
  },
  faults: relayed(
    bindRules.filter(({ code }) => privilege.includes(code)),
    "fail",
    ({ denied, running }) =>
      denied === null || running !== null
        ? null
        : denied.finding && {
            ...denied.finding,
            cause: `${denied.socket}: ${denied.finding.cause}`,
          },
  ),
  // As in a container, where what is run beside the server has none of its capabilities.
  fine: ({ denied, running }) =>
    denied === null
      ? "this user may open the ports below 1024"
      : `the eim-pxe that runs (process ${running ?? ""}) has the ports below 1024; this user may not open them`,
});

export const portsCheck = check<Bindings, Bound>({
  id: "ports",
  quick: false,
  look: async (site) => {
    const running = site.running?.pid ?? null;
    return (await site.bindings())
      .filter((one) => !isPrivilege(one))
      .map((one) => ({ ...one, running }));
  },
  faults: [
    ...relayed<Bound>(
      bindRules.filter(({ code }) => !privilege.includes(code)),
      "fail",
      (bound) => {
        const { socket, finding, holder } = bound;
        if (finding === null || isOurs(bound)) return null;
        const known = holder === null ? "" : `: it is ${holder.name} (process ${holder.pid})`;
        return { ...finding, cause: `${socket}: ${finding.cause}${known}` };
      },
    ),
    {
      code: "port-not-opened",
      cause: "{socket} cannot be opened: {reason}",
      remedy: "do what the message says, then run eim-pxe doctor again",
      who: "site",
      status: "fail",
      when: ({ socket, error }) => (error === null ? null : { socket, reason: error }),
    },
  ],
  fine: (bound) => {
    if (!isOurs(bound)) return `${bound.socket} is free`;
    return isPassed(bound)
      ? `${bound.socket} is held by systemd, which hands it over`
      : `${bound.socket} is held by the eim-pxe that runs (process ${bound.running ?? ""})`;
  },
});
