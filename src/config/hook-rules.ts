import type { Fault } from "./faults.ts";
import { hook as hookKeys } from "./keys/hook.ts";
import type { Config } from "./schema.ts";

/** What is said of HookOS means nothing where no machine runs it. */
export function hookFaults({ boot: { script, hook } }: Config): Fault[] {
  if (script === "hook") return [];
  const usual = hookKeys.parse({});
  return (Object.keys(usual) as (keyof typeof usual)[]).flatMap((key) => {
    if (hook[key] === usual[key]) return [];
    return [{ path: ["boot", "hook", key], message: "has no effect without boot.script: hook" }];
  });
}
