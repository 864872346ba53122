import type { BootDetail } from "../data/api.ts";
import type { Machine } from "../data/machine.ts";
import { duration } from "../view/format.ts";
import { usePage } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import type { Words } from "../words.ts";

type Event = BootDetail["events"][number];

/** What this server answered in a boot, and why: in the order in which it happened. */
export function Answers({ boot, machine }: { boot: BootDetail; machine: Machine }) {
  const { words: texts } = usePage();
  const { answers } = texts.machine;
  const startMs = Date.parse(boot.startedAt);
  const rows = boot.events.flatMap((event) => {
    const row = answerOf(event, boot, texts);
    return row === null ? [] : [{ ...row, afterMs: Math.max(0, Date.parse(event.at) - startMs) }];
  });
  return (
    <section class="card">
      <h2>{answers.title}</h2>
      <p>{whyItMayBoot(machine, texts)}</p>
      {rows.length === 0 ? (
        <p class="empty">{answers.none}</p>
      ) : (
        <Table label={answers.title} heads={[answers.after, answers.answer, answers.why]}>
          {rows.map(({ afterMs, answer, why }, index) => (
            <tr key={index}>
              <td>{duration(afterMs)}</td>
              <td>{answer}</td>
              <td>{why}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function whyItMayBoot({ node }: Machine, texts: Words): string {
  const { admission } = texts.machine;
  if (node === null) return admission.unknown;
  if (node.status === "waiting") return admission.waiting;
  if (node.denied !== null) return admission.denied(node.denied);
  if (node.netboot === null) return admission.usual;
  return node.decidedBy === null
    ? admission.byFile(node.netboot)
    : admission.byPerson(node.netboot, node.decidedBy);
}

interface Answer {
  readonly answer: string;
  readonly why: string;
}

function answerOf(event: Event, boot: BootDetail, texts: Words): Answer | null {
  const { answers } = texts.machine;
  const field = (name: string): string => {
    const value: unknown = new Map<string, unknown>(Object.entries(event)).get(name);
    return typeof value === "string" || typeof value === "number" ? `${value}` : "";
  };
  const reason = [field("reason"), field("remedy")].filter((text) => text !== "").join("; ");
  switch (event.event) {
    case "offer":
      return {
        answer: answers.offer(field("boots")),
        why: answers.offerWhy(boot.architecture ?? "", answers.ways[wayOf(field("way"))]),
      };
    case "ipxe-offer":
      return { answer: answers.ipxeOffer(field("boots")), why: answers.ipxeOfferWhy };
    case "lease-granted":
      return { answer: answers.lease(field("address")), why: answers.leaseWhy };
    case "script":
      return { answer: answers.script(field("generation")), why: answers.scriptWhy };
    case "dhcp-refused":
      return { answer: answers.dhcpRefused, why: reason };
    case "tftp-refused":
      return { answer: answers.refused(field("file")), why: reason };
    case "http-refused":
      return { answer: answers.refused(field("path")), why: `${field("status")}: ${reason}` };
    case "local-boot":
      return { answer: answers.localBoot, why: reason };
    default:
      return null;
  }
}

function wayOf(text: string): keyof Words["machine"]["answers"]["ways"] {
  return text === "boot-server" || text === "menu" ? text : "direct";
}
