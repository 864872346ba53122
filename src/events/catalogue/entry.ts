export type Level = "debug" | "info" | "warn" | "error";

/** The level and the words of an event. */
export interface EventEntry {
  readonly level: Level;
  /** The constant text of the log line. */
  readonly message: string;
  /** For operators: what it means and what to do. */
  readonly meaning: string;
}

/** Some events by their names. */
export type Entries = Readonly<Record<string, EventEntry>>;
