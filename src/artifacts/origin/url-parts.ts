/** A URL as texts may show it: what is behind its question mark may be a signature that opens a door. */
export function shownUrl(url: string): string {
  return url.replace(/\?.*/s, "");
}

/** The folder of a URL, without a slash at its end, and what is in it, with the question if there is one. */
export function partsOf(url: string): { readonly folder: string; readonly name: string } {
  const { origin, pathname, search } = new URL(url);
  const at = pathname.lastIndexOf("/");
  return {
    folder: `${origin}${pathname.slice(0, at)}`,
    name: `${pathname.slice(at + 1)}${search}`,
  };
}
