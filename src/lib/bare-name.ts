/**
 * Whether a text can be the name of one file in a folder: no folders, nothing hidden, nothing that cannot
 * be shown, and no longer than a file system takes.
 */
export function isBareName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+~-]{0,254}$/.test(name);
}
