/** Times, sizes and rates in words. Pure. */

export function duration(ms: number): string {
  if (ms < 950) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d`;
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  for (const [unit, one] of [
    ["kB", 1e3],
    ["MB", 1e6],
    ["GB", 1e9],
  ] as const) {
    const value = bytes / one;
    if (value < 999.5 || unit === "GB")
      return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
  }
  return "";
}

export function rate(bytesPerSecond: number): string {
  return `${size(Math.round(bytesPerSecond))}/s`;
}

/**
 * A moment in the reader's own time zone, in the language of the page, which it stands in the middle of: by the
 * reader's form of that language (30 Nov, Nov 30) and the reader's clock of 12 or 24 hours.
 */
export function moment(iso: string, language: string, reader: string = readersLocale()): string {
  const at = new Date(iso);
  const today = at.toDateString() === new Date().toDateString();
  return at.toLocaleString(localeOf(language, reader), {
    ...(today ? {} : { day: "numeric", month: "short" }),
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: hourCycleOf(reader),
  });
}

/** A time of the day without seconds, by the reader's clock. */
export function clockTime(ms: number, language: string, reader: string = readersLocale()): string {
  return new Date(ms).toLocaleTimeString(localeOf(language, reader), {
    hour: "numeric",
    minute: "2-digit",
    hourCycle: hourCycleOf(reader),
  });
}

/** A day, as `moment` has its language. */
export function day(iso: string, language: string, reader: string = readersLocale()): string {
  return new Date(iso).toLocaleDateString(localeOf(language, reader), {
    day: "numeric",
    month: "long",
    year: "numeric",
  });
}

function readersLocale(): string {
  return new Intl.DateTimeFormat().resolvedOptions().locale;
}

function hourCycleOf(reader: string): "h11" | "h12" | "h23" | "h24" | undefined {
  return new Intl.DateTimeFormat(reader, { hour: "numeric" }).resolvedOptions().hourCycle;
}

function localeOf(language: string, reader: string): string {
  return new Intl.Locale(reader).language === language ? reader : language;
}

/** As a sentence of its own: causes and remedies are phrases, to be put together. */
export function sentence(phrase: string): string {
  const text = phrase.charAt(0).toUpperCase() + phrase.slice(1);
  return /[.!?:]$/.test(text) ? text : `${text}.`;
}

/** A line of evidence, with the stage of a boot as a person would say it. */
export function factInWords(line: string, stages: Readonly<Record<string, string>>): string {
  const [, before = "", stage = "", times = ""] = /^(.*: )(\S+)( \(\d+ times\))?$/.exec(line) ?? [];
  return stages[stage] === undefined ? line : `${before}${stages[stage]}${times}`;
}

/** A text in which addresses of this server, with their port, are followed by that they are. */
export function withOwn(
  text: string,
  addresses: readonly string[],
  own: (address: string) => string,
): string {
  return text.replaceAll(/(?<![\d./])\d+(?:\.\d+){3}(?::\d+)?(?![\d/]|\.\d)/g, (found) =>
    addresses.includes(found.replace(/:\d+$/, "")) ? own(found) : found,
  );
}

/** Whether a text names a key of the configuration, as `tftp.singlePort`; `boot.ipxe` is a file. */
export function namesSetting(text: string): boolean {
  return /\b(?:admin|artifacts|boot|dhcp|http|leader|nodes|notify|orchestrator|tftp)\.(?!ipxe\b)[a-z][A-Za-z]+\b(?!\.)/.test(
    text,
  );
}
