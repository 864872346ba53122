import type { AdminApp } from "./context.ts";

/** Which methods each path of the port has, by the patterns of its routes. */
export class RouteMethods {
  readonly #byPattern = new Map<string, Set<string>>();

  /** To be called before the routes are added. */
  follow(app: AdminApp): void {
    app.addHook("onRoute", ({ url, method }) => {
      const methods = this.#byPattern.get(url) ?? new Set();
      for (const one of [method].flat()) methods.add(one);
      this.#byPattern.set(url, methods);
    });
  }

  /** Those of a path, in alphabetical order; none: nothing is there. */
  of(path: string): readonly string[] {
    const found = new Set<string>();
    for (const [pattern, methods] of this.#byPattern) {
      if (matches(pattern, path)) for (const method of methods) found.add(method);
    }
    return [...found].toSorted();
  }
}

/** `:name` is one part of a path that is not empty, and a `*` at the end all that follows. */
function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  const isOpen = wanted.at(-1) === "*";
  const parts = isOpen ? wanted.slice(0, -1) : wanted;
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return false;
  return parts.every((part, index) => {
    const other = given[index] ?? "";
    return part.startsWith(":") ? other !== "" : part === other;
  });
}
