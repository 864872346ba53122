/** A part of the container image as CycloneDX 1.5 has it. */
export interface Component {
  readonly type: "library" | "application" | "firmware";
  readonly name: string;
  readonly version: string;
  /** Package URL: where it comes from, in one line. */
  readonly purl: string;
}

/** The packages that dpkg's status file says are installed. */
export function debianComponents(status: string): Component[] {
  return status.split("\n\n").flatMap((paragraph) => {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1] ?? "";
    const name = field("Package");
    const isThere = / (installed|unpacked)$/.test(field("Status"));
    if (name === "" || !isThere) return [];
    const version = field("Version");
    const arch = field("Architecture");
    const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}`;
    return [{ type: "library", name, version, purl }];
  });
}

export function nodeComponent(version: string): Component {
  return { type: "application", name: "node", version, purl: `pkg:generic/node@${version}` };
}

/** @param source what docker/Dockerfile writes beside the loaders: `Debian package ipxe VERSION`, and where its source is */
export function ipxeComponent(source: string): Component {
  const version = /^Debian package ipxe (\S+)$/m.exec(source)?.[1] ?? "unknown";
  const purl = `pkg:deb/debian/ipxe@${encodeURIComponent(version)}?arch=all`;
  return { type: "firmware", name: "ipxe", version, purl };
}
