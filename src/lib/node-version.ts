/** The oldest Node that this program runs on: `engines` in package.json says the same. */
const oldest = { major: 20, minor: 19 };

/**
 * What to tell a person whose Node is too old, or null when it is not.
 *
 * @param version as `process.versions.node` has it, such as `18.20.4`
 */
export function tooOldNode(version: string): string | null {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return null;
  return (
    `eim-pxe needs Node ${oldest.major}.${oldest.minor} or later, and this is ${version}.\n` +
    "Debian 13 has it (apt-get install nodejs npm). On Debian 12 and other systems with an older one:\n" +
    "  npm install -g n && n 22        # or another of the ways at https://nodejs.org/en/download\n" +
    "or run the container, which brings its own: docs/container.md.\n"
  );
}
