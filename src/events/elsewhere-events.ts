import type { Machine } from "./machine.ts";

/** What the events of what is told elsewhere, and of what machines tell by syslog, carry, by their names. */
export interface ElsewhereEventFields {
  /** A line of a machine's log. All texts are the machine's own, printable and cut. */
  syslog: Machine & {
    facility: string;
    severity: string;
    host: string | null;
    app: string | null;
    procid: string | null;
    msgid: string | null;
    /** RFC 5424's structured data as it was sent. */
    data: string | null;
    text: string;
  };
  "syslog-dropped": Machine & { lines: number; reason: string };
  "webhook-failed": { webhook: string; reason: string; waiting: number };
  "webhook-restored": { webhook: string; failures: number };
  "webhook-refused": { webhook: string; id: string; reason: string };
  "webhook-dropped": { webhook: string; events: number; keepEvents: number };
  "webhook-unkept": { webhook: string; reason: string };
  "webhook-kept": { webhook: string };
  "traces-failed": { collector: string; reason: string; waiting: number };
  "traces-restored": { collector: string; failures: number };
  "traces-refused": { collector: string; reason: string; spans: number };
  "traces-dropped": { collector: string; spans: number };
}
