import { type DestinationStream, type Logger, type LoggerOptions, pino } from "pino";
import type { Level } from "../events/catalogue.ts";
import { terminalText } from "./terminal.ts";
import { jsonWithConfig } from "../events/own-commands.ts";

export type { Logger } from "pino";

export interface LogSettings {
  readonly level: Level;
  /** The configuration that commands in texts have to name; null or absent: the default one. */
  readonly configFile?: string | null;
  readonly out: DestinationStream & NodeJS.WritableStream;
}

/** The program's log: one JSON object a line with `level`, `time` (ISO 8601), `event`, its fields and `msg`. */
export function createLog(settings: LogSettings): Logger {
  return pino(optionsOf(settings), settings.out);
}

/** The same for people on a terminal. What makes its lines is loaded only there. */
export async function createTerminalLog(settings: LogSettings): Promise<Logger> {
  // By its default export, for the bundle knows no other of a package of the older kind.
  const { default: pinoPretty } = await import("pino-pretty");
  const seen = new Set<string>();
  const pretty = pinoPretty.PinoPretty({
    destination: settings.out,
    translateTime: "SYS:HH:MM:ss",
    hideObject: true,
    // The message stands out by its place; reasons and remedies are to be read.
    customColors: "fatal:red,error:red,warn:yellow,info:green,debug:blue,trace:gray,message:reset",
    messageFormat: (record) => terminalText(record, seen),
  });
  return pino(optionsOf(settings), pretty);
}

function optionsOf(settings: LogSettings): LoggerOptions {
  return {
    level: settings.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: (line: string) => jsonWithConfig(line, settings.configFile ?? null) },
  };
}
