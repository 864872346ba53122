import { useState } from "preact/hooks";
import type { SessionReply } from "../../api/session.ts";
import { api, Refused } from "../data/api.ts";
import type { Words } from "../words.ts";
import { messageOf } from "./hooks.ts";

/** Asks for the token; what it opens is kept by the browser in a cookie that no script can read. */
export function SignIn({
  words: texts,
  done,
}: {
  words: Words;
  done: (session: SessionReply) => void;
}) {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      done(await api.signIn(token.trim()));
    } catch (thrown) {
      const isWrong = thrown instanceof Refused && thrown.status === 401;
      setWrong(isWrong ? texts.signIn.wrong : messageOf(thrown));
    }
  };
  return (
    <main id="content" class="sign-in">
      <form class="card" onSubmit={(event) => void submit(event)}>
        <h1>{texts.signIn.title}</h1>
        <p>{texts.signIn.help}</p>
        <label>
          {texts.signIn.token}
          <input
            type="password"
            value={token}
            autocomplete="current-password"
            required
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="main">
          {texts.signIn.submit}
        </button>
        {wrong !== null && (
          <p role="alert" class="bad">
            {wrong}
          </p>
        )}
      </form>
    </main>
  );
}
