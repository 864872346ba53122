import type { BootReply } from "../../api/boots.ts";
import type { Words } from "../words.ts";
import { sentence } from "./format.ts";

/** What the orchestrator said of a machine, and why where that is not well; null while it was not asked. */
export function registrationOf({ registration }: BootReply, texts: Words): string | null {
  if (registration === null) return null;
  const { status, host, reason, remedy } = registration;
  if (status === "registered") return `${texts.machine.registered} ${host ?? ""}`;
  return [reason ?? status, remedy ?? ""].map(sentence).join(" ");
}
