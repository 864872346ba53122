import { type DestinationStream, type Logger, pino } from "pino";
import { PinoPretty } from "pino-pretty";
import type { Level } from "../events/catalogue.ts";

export type { Logger } from "pino";

export interface LogSettings {
  readonly level: Level;
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
  };
  if (!settings.pretty) return pino(options, settings.out);
  const pretty = PinoPretty({
    destination: settings.out,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "event",
    messageFormat: "{event}: {msg}",
    singleLine: true,
  });
  return pino(options, pretty);
}
