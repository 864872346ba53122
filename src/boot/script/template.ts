import { requireScript, type ScriptRewrite, splitFirstLine } from "./orchestrator-script.ts";
import { traceWord } from "./timings.ts";

export interface TemplateValues extends ScriptRewrite {
  /** Our HTTP server as this machine reaches it, without a slash at the end. */
  readonly baseUrl: string;
  /** Null where the template needs none. */
  readonly generation: string | null;
}

/**
 * A script of the site's own, with what it cannot know set ahead of its first command. It is an iPXE
 * script and nothing else: iPXE's own `${…}` is all the templating that it takes.
 *
 * @throws SyncError when the text is no iPXE script
 */
export function fillTemplate(text: string, values: TemplateValues): string {
  requireScript(text, "the template of boot.script");
  const endOfLine = text.includes("\r\n") ? "\r\n" : "\n";
  const [firstLine, body] = splitFirstLine(text);
  const { baseUrl, downloadUrl, eventsUrl, generation, trace = null } = values;
  const kernelArgs = [...values.kernelArgs, ...(trace === null ? [] : [traceWord(trace)])];
  const settings = [
    ["eim-base-url", baseUrl],
    ["download-url", downloadUrl],
    ["eim-events-url", eventsUrl],
    ["eim-generation", generation],
    ["eim-kernel-args", kernelArgs.join(" ")],
  ] as const;
  return [
    firstLine,
    ...settings.flatMap(([name, value]) => (value ? [`set ${name} ${value}`] : [])),
    body,
  ].join(endOfLine);
}
