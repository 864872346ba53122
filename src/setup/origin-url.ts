/*
 * What people know of their orchestrator: its domain, the provisioning host, or the whole URL.
 */

/** Beginnings of the provisioning host's name: orchestrators of 2026 and later, and older ones. */
const hostNames = ["tinkerbell-haproxy", "tinkerbell-nginx"];

/** The URLs that are meant, the likeliest first: a domain alone leaves two. Empty where the text is none. */
export function originUrls(text: string): readonly string[] {
  const trimmed = text.trim().replace(/\/+$/, "");
  if (/^https?:\/\//.test(trimmed)) {
    if (!URL.canParse(trimmed)) return [];
    return [new URL(trimmed).pathname === "/" ? `${trimmed}/tink-stack` : trimmed];
  }
  if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?(\/[\w./-]*)?$/i.test(trimmed)) return [];
  if (trimmed.includes("/")) return [`https://${trimmed}`];
  if (hostNames.some((name) => trimmed.startsWith(`${name}.`))) {
    return [`https://${trimmed}/tink-stack`];
  }
  return hostNames.map((name) => `https://${name}.${trimmed}/tink-stack`);
}
