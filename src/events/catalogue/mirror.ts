import type { Entries } from "./entry.ts";

/** The mirror and its generations. */
export const mirrorEvents = {
  "sync-start": {
    level: "debug",
    message: "the mirror asks the orchestrator",
    meaning: "A synchronisation began.",
  },
  "sync-progress": {
    level: "info",
    message: "a file is being fetched from the orchestrator",
    meaning: "Every ten seconds of a long download: how far it is, its rate, and what remains.",
  },
  "sync-retry": {
    level: "warn",
    message: "a request to the orchestrator failed and is made again",
    meaning:
      "`reason` says why, `delayMs` when. A download goes on where it broke. Many of them point to a bad line or an orchestrator that is overloaded.",
  },
  "sync-file": {
    level: "info",
    message: "a file was fetched from the orchestrator",
    meaning: "It is in staging; it is served only after the whole set was verified.",
  },
  "sync-done": {
    level: "info",
    message: "the mirror is up to date",
    meaning: "`changed` tells whether a new generation is served from now on.",
  },
  "sync-failed": {
    level: "error",
    message: "the mirror could not be brought up to date",
    meaning:
      "`reason` says why. Machines go on booting from the generation `serving`, if there is one.",
  },
  "origin-failed": {
    level: "warn",
    message: "an origin failed and the next one is asked",
    meaning: "There are several in `artifacts.origin`; `reason` says what is wrong with this one.",
  },
  "origin-untrusted": {
    level: "error",
    message: "the orchestrator presents a certificate that is not trusted",
    meaning:
      "Nothing is fetched from it; machines boot from what is here. It renews its certificate once a year, or somebody stands between. Compare `presented` with what the orchestrator's operator reads (`openssl x509 -fingerprint -sha256`); `remedy` says how to accept it.",
  },
  "origin-certificate": {
    level: "debug",
    message: "the orchestrator's certificate",
    meaning:
      "The one that it was trusted with, at the first synchronisation and when it changes. Its end is also the metric `eim_pxe_origin_certificate_expiry_timestamp_seconds`.",
  },
  "certificate-expiring": {
    level: "warn",
    message: "the orchestrator's certificate expires soon",
    meaning:
      "In less than 30 days. The orchestrator renews it 90 days ahead; ask its operator why it has not.",
    show: { every: 86_400_000, by: ["origin", "fingerprint"] },
  },
  "ca-trusted": {
    level: "warn",
    message: "a CA was fetched and is trusted from now on",
    meaning:
      "`how`: `pinned` is what `artifacts.ca.sha256` names; `public` came from a host that a public CA vouches for; `first-use` was believed because it was the first: compare `fingerprint` with the orchestrator's operator and set it as `artifacts.ca.sha256`.",
  },
  "loader-fetched": {
    level: "info",
    message: "a loader was fetched",
    meaning: "From its URL in `artifacts.loaderUrls`; it has the SHA-256 that is expected there.",
  },
  "loader-unusable": {
    level: "error",
    message: "a loader cannot be used",
    meaning:
      "`reason` says why: its URL in `artifacts.loaderUrls` cannot be fetched or brings other bytes than those that are expected, or it does not fit the machines that get it.",
    show: { every: 3_600_000, by: ["file", "reason"] },
  },
  "disk-full": {
    level: "error",
    message: "the disk is too full for the mirror",
    meaning:
      "`missingBytes` have to be freed under `dataDir` before `file` can be fetched. Machines boot from what is here; the next synchronisation tries again.",
  },
  "generation-unread": {
    level: "warn",
    message: "a generation on disk could not be read in full",
    meaning:
      "`reason` names the file and the system's error, such as too many open files. That says nothing of its bytes, so it stays in service; `eim-pxe artifacts verify` reads it again.",
  },
  "generation-imported": {
    level: "info",
    message: "a set was imported",
    meaning: "By `eim-pxe artifacts import`; it is served unless another generation is pinned.",
  },
  "generation-pinned": {
    level: "warn",
    message: "the generation that is served was chosen by hand",
    meaning:
      "By `eim-pxe artifacts pin` or `rollback`, or on the dashboard; `by` says who. Newer ones are fetched and kept, and not served, until `eim-pxe artifacts pin latest` (`generation` is null then).",
  },
  "generation-damaged": {
    level: "warn",
    message: "a stored generation is not whole and is not served",
    meaning:
      "Found at the start or by the daily check: something was lost or changed on disk. An older whole generation is served, and the next synchronisation fetches what is missing. If it happens again, look at the disk.",
  },
} satisfies Entries;
