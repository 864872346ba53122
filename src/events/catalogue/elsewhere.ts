import type { Entries } from "./entry.ts";

/** Of what is told to other programs, webhooks and traces, and of what machines tell by syslog. */
export const elsewhereEvents = {
  syslog: {
    level: "info",
    message: "a machine's log says",
    meaning:
      "A line that the machine at `address` sent to `syslog.port`: iPXE's or its operating system's. `text` is what it says, `app` the program, `facility` and `severity` as in logger(1). It stands in the machine's timeline, too. `mac` is null where neither DHCP nor the table of neighbours tells whose address it is. Anybody on the link can send such a line in another machine's name: see [syslog](syslog.md).",
  },
  "syslog-dropped": {
    level: "warn",
    message: "lines of machines' logs were dropped",
    meaning:
      "More came than are taken ([the limits](syslog.md#how-much-is-taken)); `lines` were not read. With an `address` it is that machine, which writes too much: look at what it says in its timeline. Without one, too many machines write at once, or somebody makes up addresses. Boots are not disturbed.",
    show: { every: 60_000, by: ["address"], upTo: 3_600_000, sum: "lines" },
  },
  "webhook-failed": {
    level: "warn",
    message: "a webhook's receiver took nothing; it is tried again",
    meaning:
      "`reason` says why and what to do. `waiting` events are kept on disk in their order, `notify.keepEvents` at most, and are sent when it answers again; it is asked after a second, then more and more seldom, at last every five minutes.",
    show: { every: 60_000, by: ["webhook"], upTo: 3_600_000, until: "webhook-restored" },
  },
  "webhook-restored": {
    level: "info",
    message: "a webhook's receiver takes events again",
    meaning: "After `failures` attempts; what waited is being sent.",
  },
  "webhook-refused": {
    level: "warn",
    message: "a webhook's receiver refused an event for good",
    meaning:
      "It answered that the request itself is wrong (400, 413, 415 or 422), which sending it again does not change, so the event with this `id` was given up. See whether the receiver takes CloudEvents in JSON: `eim-pxe notify test`.",
    show: { every: 60_000, by: ["webhook"], upTo: 3_600_000 },
  },
  "webhook-dropped": {
    level: "warn",
    message: "the oldest events for a webhook were dropped",
    meaning:
      "More than `keepEvents` wait for a receiver that does not take them (`webhook-failed` says why); `events` is how many of the oldest were given up since the last one of these.",
    show: { every: 60_000, by: ["webhook"], upTo: 3_600_000, sum: "events" },
  },
  "webhook-unkept": {
    level: "warn",
    message: "what waits for a webhook is not whole on disk",
    meaning:
      "`reason` says why (a full disk?). It is sent all the same, and writing is tried again every five seconds; what the receiver has not taken when the server ends is lost.",
  },
  "webhook-kept": {
    level: "info",
    message: "what waits for a webhook is on disk again",
    meaning: "What came after `webhook-unkept` is written too.",
  },
  "traces-failed": {
    level: "warn",
    message: "the collector of traces took nothing; it is tried again",
    meaning:
      "`reason` says why and what to do. `waiting` spans are kept in memory, 8192 at most, and are sent when it answers again; it is asked after a second, then more and more seldom, at last every minute.",
    show: { every: 60_000, by: ["collector"], upTo: 3_600_000, until: "traces-restored" },
  },
  "traces-restored": {
    level: "info",
    message: "the collector takes traces again",
    meaning: "After `failures` attempts; what waited is being sent.",
  },
  "traces-refused": {
    level: "warn",
    message: "the collector refused traces for good",
    meaning:
      "It answered that the request itself is wrong (400, 413, 415 or 422), which sending it again does not change, so these `spans` were given up. See whether `telemetry.otlp.url` is that of OTLP over HTTP (port 4318 as a rule, 4317 is gRPC), and whether it takes `telemetry.otlp.encoding`.",
    show: { every: 60_000, by: ["collector"], upTo: 3_600_000, sum: "spans" },
  },
  "traces-dropped": {
    level: "warn",
    message: "the oldest parts of traces were dropped",
    meaning:
      "More than 8192 wait for a collector that does not take them (`traces-failed` says why); `spans` is how many of the oldest were given up since the last one of these.",
    show: { every: 60_000, by: ["collector"], upTo: 3_600_000, sum: "spans" },
  },
} as const satisfies Entries;
