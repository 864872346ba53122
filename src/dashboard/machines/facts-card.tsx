import { api, type BootDetail } from "../data/api.ts";
import { addressOf, isMac, type Machine, serialOf } from "../data/machine.ts";
import { usePage } from "../view/hooks.ts";
import { registrationOf } from "../view/registration.ts";
import { NameField, useChange, WakeButton } from "./actions.tsx";

/** Which machine it is, and what can be done with it besides booting. */
export function FactsCard({ machine, boot }: { machine: Machine; boot: BootDetail | null }) {
  const { words: texts, session } = usePage();
  const { node } = machine;
  const latest = machine.boot;
  const { busy, change } = useChange(machine.key);
  const { fact } = texts.machine;
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    [fact.mac, isMac(machine.key) ? machine.key : null],
    [fact.serial, serialOf(machine)],
    [fact.uuid, latest?.uuid ?? node?.uuid],
    [fact.vendor, latest?.vendor],
    [fact.model, latest?.model],
    [fact.address, addressOf(machine)],
    [fact.link, latest?.interface],
    [fact.server, latest?.server],
    [
      fact.firmware,
      [latest?.firmware, latest?.architecture].filter((one) => one != null).join(", "),
    ],
    [fact.entry, node === null ? null : (node.denied ?? texts.machine.mayBoot)],
    [fact.way, node?.way],
    [fact.registration, latest == null ? null : registrationOf(latest, texts)],
  ];
  return (
    <section class="card">
      <h2>{texts.machine.facts}</h2>
      <NameField machine={machine} />
      <WakeButton machine={machine} />
      <dl class="facts-list">
        {facts
          .filter(([, value]) => value != null && value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {session.access === "write" && (node?.way != null || node?.localBoot != null) && (
        <button
          type="button"
          disabled={busy}
          title={texts.actions.forgetHelp}
          onClick={() => void change({ way: null }, texts.actions.forgotten)}
        >
          {texts.actions.forgetWay}
        </button>
      )}
      {boot !== null && boot.packets.length > 0 && (
        <p class="capture">
          <a href={api.captureUrl(boot.id, true)} download>
            {texts.actions.capture}
          </a>{" "}
          (
          <a href={api.captureUrl(boot.id, false)} download>
            {texts.actions.captureWhole}
          </a>
          )
          <br />
          <small>{texts.actions.captureHelp}</small>
        </p>
      )}
    </section>
  );
}
