import { type DestinationStream, type Logger, pino } from "pino";
import { PinoPretty } from "pino-pretty";
import type { Level } from "../events/catalogue.ts";
import { terminalText } from "./terminal.ts";
import { jsonWithConfig } from "../events/own-commands.ts";

export type { Logger } from "pino";

export interface LogSettings {
  readonly level: Level;
  /** The configuration that commands in texts have to name; null or absent: the default one. */
  readonly configFile?: string | null;
  /** Lines for people on a terminal instead of JSON. */
  readonly pretty: boolean;
  readonly out: DestinationStream & NodeJS.WritableStream;
}

/** The program's log: one JSON object a line with `level`, `time` (ISO 8601), `event`, its fields and `msg`. */
export function createLog(settings: LogSettings): Logger {
  const options = {
    level: settings.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: (line: string) => jsonWithConfig(line, settings.configFile ?? null) },
  };
  if (!settings.pretty) return pino(options, settings.out);
  const seen = new Set<string>();
  const pretty = PinoPretty({
    destination: settings.out,
    translateTime: "SYS:HH:MM:ss",
    hideObject: true,
    // The message stands out by its place; reasons and remedies are to be read.
    customColors: "fatal:red,error:red,warn:yellow,info:green,debug:blue,trace:gray,message:reset",
    messageFormat: (record) => terminalText(record, seen),
  });
  return pino(options, pretty);
}
