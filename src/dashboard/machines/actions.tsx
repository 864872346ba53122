import { useState } from "preact/hooks";
import { api } from "../data/api.ts";
import { isMac, type Machine } from "../data/machine.ts";
import { messageOf, usePage } from "../view/hooks.ts";

type Netboot = "allow" | "deny" | "once" | null;

/** Changes what is kept of a machine, and shows it. */
export function useChange(mac: string): {
  readonly busy: boolean;
  readonly change: (what: object, done?: string) => Promise<void>;
} {
  const { store, say } = usePage();
  const [busy, setBusy] = useState(false);
  const change = async (what: object, done?: string) => {
    setBusy(true);
    try {
      await api.changeNode(mac, what);
      await store.refresh(mac);
      if (done !== undefined) say(done);
    } catch (thrown) {
      say(messageOf(thrown), "bad");
    } finally {
      setBusy(false);
    }
  };
  return { busy, change };
}

/** Whether a machine may boot: the word in force is pressed. */
export function NetbootButtons({ machine, few = false }: { machine: Machine; few?: boolean }) {
  const { words: texts, session } = usePage();
  const { busy, change } = useChange(machine.key);
  if (session.access !== "write" || !isMac(machine.key)) return null;
  const word = machine.node?.netboot ?? null;
  const button = (value: Netboot, text: string, title?: string) => (
    <button
      type="button"
      disabled={busy}
      title={title}
      aria-pressed={word === value}
      onClick={() => void change({ netboot: value })}
    >
      {text}
    </button>
  );
  return (
    <div class="buttons" role="group" aria-label={texts.machine.fact.entry}>
      {button("allow", texts.actions.allow)}
      {button("once", texts.actions.once, texts.actions.onceHelp)}
      {button("deny", texts.actions.deny)}
      {!few && machine.node?.decidedBy != null && (
        <button type="button" disabled={busy} onClick={() => void change({ netboot: null })}>
          {texts.actions.byFile}
        </button>
      )}
    </div>
  );
}

/** Switches the machine on by Wake-on-LAN. */
export function WakeButton({ machine }: { machine: Machine }) {
  const { words: texts, session, say } = usePage();
  const [busy, setBusy] = useState(false);
  if (session.access !== "write" || !isMac(machine.key)) return null;
  const wake = async () => {
    setBusy(true);
    try {
      const { sent } = await api.wake(machine.key);
      say(texts.actions.woken(sent.map((one) => one.interface).join(", ")));
    } catch (thrown) {
      say(messageOf(thrown), "bad");
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      type="button"
      disabled={busy}
      title={texts.actions.wakeHelp}
      aria-label={texts.actions.wakeName}
      onClick={() => void wake()}
    >
      {texts.actions.wake}
    </button>
  );
}

/** The machine's name, and a field to change it. */
export function NameField({ machine }: { machine: Machine }) {
  const { words: texts, session } = usePage();
  const { busy, change } = useChange(machine.key);
  const kept = machine.node?.name ?? "";
  const [text, setText] = useState<string | null>(null);
  if (session.access !== "write" || !isMac(machine.key)) return null;
  const save = (event: Event) => {
    event.preventDefault();
    const name = (text ?? kept).trim();
    void change({ name: name === "" ? null : name }).then(() => setText(null));
  };
  return (
    <form class="name" onSubmit={save}>
      <label>
        {texts.actions.rename}{" "}
        <input
          value={text ?? kept}
          maxLength={253}
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={busy || text === null || text === kept}>
        {texts.actions.save}
      </button>
    </form>
  );
}
