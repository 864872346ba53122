/** What the events of what is told elsewhere carry, by their names. */
export interface ElsewhereEventFields {
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
