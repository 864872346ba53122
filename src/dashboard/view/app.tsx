import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SessionReply } from "../../api/session.ts";
import { api } from "../data/api.ts";
import { Store } from "../data/store.ts";
import type { Words } from "../words.ts";
import { Banner } from "./banner.tsx";
import { Page, useKept, usePage, useRoute, useShown } from "./hooks.ts";
import { Addresses } from "../site/addresses.tsx";
import { MachinePage } from "../machines/machine-page.tsx";
import { Machines } from "../machines/machines.tsx";
import { Wall } from "../machines/wall.tsx";
import { SignIn } from "./sign-in.tsx";
import { SitePage } from "../site/site-page.tsx";

/** The whole page: sign-in where a token is needed, else the room of machines. */
export function App({ words }: { words: Words }) {
  const [session, setSession] = useState<SessionReply | null>(null);
  useEffect(() => {
    const ask = () => api.session().then(setSession, () => setTimeout(() => void ask(), 2000));
    void ask();
  }, []);
  if (session === null) return <Opening />;
  if (session.access === "none") return <SignIn words={words} done={setSession} />;
  return <Room words={words} session={session} changed={setSession} />;
}

/** The same as in `index.html`, which is shown until the first answer is there. */
function Opening() {
  return (
    <header class="top">
      <span class="brand">eim-pxe</span>
    </header>
  );
}

interface Said {
  readonly text: string;
  readonly kind: "good" | "bad";
}

function Room({
  words,
  session,
  changed,
}: {
  words: Words;
  session: SessionReply;
  changed: (session: SessionReply) => void;
}) {
  const store = useMemo(() => new Store(), []);
  useEffect(() => {
    store.start();
    return () => store.stop();
  }, [store]);
  const [said, setSaid] = useState<Said | null>(null);
  const say = useCallback((text: string, kind: "good" | "bad" = "good") => {
    setSaid({ text, kind });
  }, []);
  const page = useMemo(() => ({ store, session, words, say }), [store, session, words, say]);
  return (
    <Page.Provider value={page}>
      <Frame changed={changed} />
      <div class="said" role="status">
        {said !== null && (
          <p class={said.kind}>
            {said.text}{" "}
            <button
              type="button"
              class="link"
              aria-label={words.actions.close}
              onClick={() => setSaid(null)}
            >
              ×
            </button>
          </p>
        )}
      </div>
    </Page.Provider>
  );
}

function Frame({ changed }: { changed: (session: SessionReply) => void }) {
  const { words: texts, session } = usePage();
  const { live, signedOut } = useShown();
  const route = useRoute();
  const [wall, setWall] = useKept("wall", ["yes", "no"], "no");
  useEffect(() => {
    if (signedOut) changed({ access: "none", signedIn: false, needsToken: true });
  }, [signedOut]);
  useEffect(() => {
    document.documentElement.classList.toggle("wall", wall === "yes");
    document.documentElement.lang = texts.language;
    document.title = texts.title;
  }, [wall]);
  const shownRoute = useRef(route);
  useEffect(() => {
    if (shownRoute.current === route) return;
    shownRoute.current = route;
    // Where a link led to is where the keyboard goes on, and where a screen reader reads on.
    document.getElementById("content")?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [route]);
  const [room = "", id = ""] = route.split(/\/(.*)/s);
  return (
    <>
      <a class="skip" href="#content" onClick={(event) => focusContent(event)}>
        {texts.skip}
      </a>
      <header class="top">
        <span class="brand">eim-pxe</span>
        <nav aria-label={texts.title}>
          <RoomLink to="" text={texts.nav.machines} here={room === "" || room === "machine"} />
          <RoomLink to="site" text={texts.nav.site} here={room === "site"} />
          <RoomLink to="addresses" text={texts.nav.addresses} here={room === "addresses"} />
        </nav>
        <span class={`live ${live}`} role="status">
          {texts.live[live]}
        </span>
        <button
          type="button"
          class={wall === "yes" ? "" : "to-wall"}
          onClick={() => setWall(wall === "yes" ? "no" : "yes")}
        >
          {wall === "yes" ? texts.machines.leaveWall : texts.machines.wall}
        </button>
        {session.signedIn && (
          <button type="button" onClick={() => void api.signOut().then(changed)}>
            {texts.signOut}
          </button>
        )}
      </header>
      <Banner />
      {session.access === "read" && <p class="read-only">{texts.readOnly}</p>}
      <main id="content" tabIndex={-1}>
        {room === "machine" ? (
          // A page of its own for each: nothing that was typed or chosen for one is another's.
          <MachinePage key={id} id={id} />
        ) : room === "site" ? (
          <SitePage />
        ) : room === "addresses" ? (
          <Addresses />
        ) : wall === "yes" ? (
          <Wall />
        ) : (
          <Machines />
        )}
      </main>
    </>
  );
}

function RoomLink({ to, text, here }: { to: string; text: string; here: boolean }) {
  return (
    <a href={`#/${to}`} aria-current={here ? "page" : undefined}>
      {text}
    </a>
  );
}

/** Not as a link: the part of the address behind # is the room. */
function focusContent(event: Event): void {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
