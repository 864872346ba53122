import { createContext } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import type { SessionReply } from "../../api/session.ts";
import type { Shown, Store } from "../data/store.ts";
import { english, type Words } from "../words.ts";

export interface PageContext {
  readonly store: Store;
  readonly session: SessionReply;
  readonly words: Words;
  /** Tells people what came of what they did. */
  readonly say: (text: string, kind?: "good" | "bad") => void;
}

export const Page = createContext<PageContext | null>(null);

export function usePage(): PageContext {
  const page = useContext(Page);
  if (page === null) throw new Error("outside of the page");
  return page;
}

export function useWords(): Words {
  return useContext(Page)?.words ?? english;
}

/** What the store shows; draws again when it changes. */
export function useShown(): Shown {
  const { store } = usePage();
  const [shown, setShown] = useState(store.shown);
  useEffect(() => {
    setShown(store.shown);
    return store.subscribe(() => setShown(store.shown));
  }, [store]);
  return shown;
}

/** The part behind `#/` of the address. */
export function useRoute(): string {
  const [route, setRoute] = useState(currentRoute);
  useEffect(() => {
    const changed = () => setRoute(currentRoute());
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}

function currentRoute(): string {
  return routeIn(location.hash);
}

/** What stands behind `#/`. */
export function routeIn(hash: string): string {
  const route = hash.replace(/^#\/?/, "");
  try {
    return decodeURIComponent(route);
  } catch {
    // Typed or cut off: no sign is written like that.
    return route;
  }
}

/** The present moment by the server's clock, again every second. */
export function useNow(): number {
  const { store } = usePage();
  const [now, setNow] = useState(() => store.nowMs());
  useEffect(() => store.everySecond(() => setNow(store.nowMs())), [store]);
  return now;
}

/** Whether the page is being scrolled, or was a moment ago. */
export function useScrolling(): boolean {
  const [scrolling, setScrolling] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const scrolled = () => {
      clearTimeout(timer);
      setScrolling(true);
      timer = setTimeout(() => setScrolling(false), 500);
    };
    addEventListener("scroll", scrolled, { passive: true });
    return () => {
      clearTimeout(timer);
      removeEventListener("scroll", scrolled);
    };
  }, []);
  return scrolling;
}

/** Asks once and whenever `key` changes; `again` asks once more. The former answer stays until the next is there. */
export function useAsked<T>(
  ask: () => Promise<T>,
  key: string,
): { readonly value: T | null; readonly failed: string | null; readonly again: () => void } {
  const [state, setState] = useState<{ value: T | null; failed: string | null; of: string }>({
    value: null,
    failed: null,
    of: "",
  });
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isWanted = true;
    ask().then(
      (value) => isWanted && setState({ value, failed: null, of: key }),
      (thrown: unknown) =>
        isWanted && setState((former) => ({ ...former, failed: messageOf(thrown) })),
    );
    return () => {
      isWanted = false;
    };
  }, [key, round]);
  return { value: state.value, failed: state.failed, again: () => setRound((one) => one + 1) };
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** One of these choices, which the browser remembers. */
export function useKept<const T extends string>(
  name: string,
  choices: readonly T[],
  usual: T,
): [T, (value: string) => void] {
  const choiceOf = (text: string | null) => choices.find((one) => one === text) ?? usual;
  const [value, setValue] = useState(() => choiceOf(kept(name)));
  return [
    value,
    (next) => {
      setValue(choiceOf(next));
      try {
        localStorage.setItem(`eim-pxe.${name}`, next);
      } catch {
        // Not kept where the browser keeps nothing.
      }
    },
  ];
}

function kept(name: string): string | null {
  try {
    return localStorage.getItem(`eim-pxe.${name}`);
  } catch {
    return null;
  }
}
