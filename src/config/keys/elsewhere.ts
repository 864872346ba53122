import { z } from "zod";
import { eventCatalogue } from "../../events/catalogue.ts";
import { filePath, openUrl } from "../values.ts";

/** `notify` and `telemetry`: what is told to other programs. `syslog`: what machines tell. */

/** A webhook that were told what becomes of its own deliveries would never come to an end. */
const tellable = Object.keys(eventCatalogue).filter((name) => !name.startsWith("webhook-"));

/** What somebody has to do something about, and that a machine is up. */
export const usualEvents: readonly string[] = [
  "boot-stalled",
  "micro-os",
  "machine-waiting",
  "not-ready",
  "link-down",
  "unbeatable-server",
  "other-dhcp-server",
  "pool-full",
  "origin-untrusted",
  "sync-failed",
  "certificate-expiring",
  "boot-certificate-expiring",
  "admin-certificate-expiring",
  "generation-damaged",
  "disk-full",
];

const since = "0.2.0";

const webhook = z.strictObject({
  url: openUrl.meta({
    description:
      "Where events are sent by POST. Messages show its host only, since its path may be a secret.",
    examples: ["https://alerts.example.com/eim-pxe"],
    since,
  }),
  secretFile: filePath("/etc/eim-pxe/webhook.secret").nullable().default(null).meta({
    description:
      "The file with the secret that signs them, of 16 characters or more, such as `openssl rand -hex 32` makes.",
    unset: "nothing is signed",
    since,
  }),
  caFile: filePath("/etc/eim-pxe/webhook-ca.pem").nullable().default(null).meta({
    description:
      "The certificate (PEM) of the CA that the receiver's own is checked against, where that is none of the public ones.",
    unset: "the public CAs",
    since,
  }),
  events: z
    .array(z.enum(tellable))
    .min(1)
    .default([...usualEvents])
    .meta({
      description: "The events that are sent, by their names in the list of events.",
      unset: "those that a person has to know",
      see: "webhooks.md#which-events",
      examples: [["boot-stalled", "micro-os"]],
      since,
    }),
});

export const telemetry = z
  .strictObject({
    otlp: z
      .strictObject({
        url: openUrl.meta({
          description:
            "The collector's address for OTLP over HTTP, as `OTEL_EXPORTER_OTLP_ENDPOINT` has it: `/v1/traces` is appended unless it ends so.",
          examples: ["http://collector.example.com:4318"],
          since,
        }),
        headersFile: filePath("/etc/eim-pxe/otlp-headers").nullable().default(null).meta({
          description:
            "A file with headers for each request, such as `Authorization: Bearer …`, a line for each.",
          unset: "no further headers",
          since,
        }),
        caFile: filePath("/etc/eim-pxe/collector-ca.pem").nullable().default(null).meta({
          description:
            "The certificate (PEM) of the CA that the collector's own is checked against, where that is none of the public ones.",
          unset: "the public CAs",
          since,
        }),
        encoding: z.enum(["json", "protobuf"]).default("json").meta({
          description:
            "How traces are written: `json` or `protobuf`. Collectors take both as a rule.",
          since,
        }),
      })
      .nullable()
      .default(null)
      .meta({
        description: "Where each boot is sent as an OpenTelemetry trace.",
        unset: "nowhere: boots are not traced",
        see: "tracing.md",
        since,
      }),
  })
  .prefault({})
  .meta({ description: "What is told to programs that collect traces.", since });

export const syslog = z
  .strictObject({
    port: z
      .int()
      .min(1)
      .max(65_535)
      .nullable()
      .default(null)
      .meta({
        description:
          "The UDP port at which lines of machines' logs are taken (syslog, RFC 3164 and 5424): iPXE's and their operating system's. They join the machine's timeline and this server's log, within limits.",
        unset: "none are taken",
        see: "syslog.md",
        examples: [514],
        since,
      }),
  })
  .prefault({})
  .meta({ description: "What machines write to their logs.", since });

export const notify = z
  .strictObject({
    webhooks: z.array(webhook).max(16).default([]).meta({
      description: "Who is told of events by HTTP, as signed CloudEvents.",
      unset: "nobody",
      see: "webhooks.md",
      since,
    }),
    keepEvents: z.int().min(10).max(100_000).default(1000).meta({
      description:
        "How many events wait on disk for each receiver that takes nothing; then the oldest are dropped.",
      unit: "events",
      since,
    }),
  })
  .prefault({})
  .meta({ description: "Who is told of events in other programs.", since });
