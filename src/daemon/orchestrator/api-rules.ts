import type { Finding } from "../../lib/finding.ts";

/** Why the orchestrator could not be asked whether a machine is registered. */
export const apiFindings = {
  unreachable: {
    code: "orchestrator-unreachable",
    cause: "{host} cannot be reached: {reason}",
    remedy:
      "check nodes.orchestrator's URLs, DNS, the proxy and the firewall from this server to {host}; machines boot meanwhile",
    who: "site",
  },
  untrusted: {
    code: "orchestrator-untrusted",
    cause: "the certificate of {host} is not trusted ({reason})",
    remedy: "name the file of the CA that signed it in nodes.orchestrator.caFile",
    who: "site",
  },
  secret: {
    code: "orchestrator-secret-unread",
    cause: "what logs in to the orchestrator cannot be read: {reason}",
    remedy: "mend the file that nodes.orchestrator names; it is read again at the next attempt",
    who: "site",
  },
  login: {
    code: "orchestrator-login-refused",
    cause: "the login at {host} was refused with {reason}",
    remedy:
      "check the user's name and password in the files of nodes.orchestrator, and that the client clientId may log in so (Keycloak: direct access grants, or service accounts with clientSecretFile)",
    who: "site",
  },
  token: {
    code: "orchestrator-token-refused",
    cause: "the API at {host} refuses a token that was just issued (401)",
    remedy:
      "check that issuerUrl is the issuer that this API trusts, and that both hosts have the right time",
    who: "orchestrator",
  },
  forbidden: {
    code: "orchestrator-forbidden",
    cause: "the user may not read the hosts of project {project} (403)",
    remedy: "give the user the role PROJECT-ID_im-r, which may read and nothing more",
    who: "orchestrator",
  },
  readOnly: {
    code: "orchestrator-read-only",
    cause: "the user may not write the metadata of hosts of project {project} (403)",
    remedy:
      "give the user the role PROJECT-ID_im-rw, or switch nodes.orchestrator.reportStages off, for which reading is enough",
    who: "site",
  },
  project: {
    code: "orchestrator-project-unknown",
    cause: "{host} knows no hosts of project {project} (404)",
    remedy: "check nodes.orchestrator.project and apiUrl, which ends before /v1",
    who: "site",
  },
  busy: {
    code: "orchestrator-busy",
    cause: "{host} has no time to answer ({reason})",
    remedy: "nothing: it is asked again by itself, ever more seldom",
    who: "orchestrator",
  },
  nameless: {
    code: "orchestrator-not-asked",
    cause:
      "the machine tells neither a UUID nor a serial number of its own, and the orchestrator knows machines by nothing else",
    remedy: "set the serial number or the UUID in the machine's firmware (SMBIOS type 1)",
    who: "site",
  },
  odd: {
    code: "orchestrator-answer-odd",
    cause: "{host} gave an answer that cannot be used: {reason}",
    remedy:
      "check that nodes.orchestrator's apiUrl and issuerUrl are the API and the OpenID Connect issuer of one orchestrator",
    who: "site",
  },
} as const satisfies Readonly<Record<string, Finding>>;
