import { useState } from "preact/hooks";
import type { CodeReply } from "../../api/codes.ts";
import { api, Refused } from "../data/api.ts";
import { sentence } from "./format.ts";
import { messageOf, usePage } from "./hooks.ts";

/** What a code on the machine's screen means. */
export function CodeBox({ architecture = null }: { architecture?: string | null }) {
  const { words: texts } = usePage();
  const [code, setCode] = useState("");
  const [answer, setAnswer] = useState<CodeReply | string | null>(null);
  const ask = async (event: Event) => {
    event.preventDefault();
    if (code.trim() === "") return;
    try {
      setAnswer(await api.code(code.trim(), architecture));
    } catch (thrown) {
      const isUnknown = thrown instanceof Refused && thrown.status === 404;
      setAnswer(isUnknown ? texts.code.unknown : messageOf(thrown));
    }
  };
  return (
    <section class="card code-box">
      <h2 id="code-box">{texts.code.title}</h2>
      <form onSubmit={(event) => void ask(event)}>
        <input
          value={code}
          aria-labelledby="code-box"
          placeholder={texts.code.hint}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setCode(event.currentTarget.value)}
        />
        <button type="submit">{texts.code.ask}</button>
      </form>
      <div aria-live="polite">
        {typeof answer === "string" && <p>{answer}</p>}
        {answer !== null &&
          typeof answer !== "string" &&
          answer.meanings.map((one) => (
            <div class="meaning" key={`${one.printer} ${one.code} ${one.cause}`}>
              <p>
                <code class="screen">{one.code}</code> {texts.code.printer[one.printer]}:{" "}
                {one.message}
              </p>
              <p>
                <strong>{sentence(one.cause)}</strong> {sentence(one.remedy)}{" "}
                <span class="who">({texts.who[one.who]})</span>
              </p>
            </div>
          ))}
      </div>
    </section>
  );
}
