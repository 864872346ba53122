/** One row, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** One connection to the database; statements are answered in the order in which they were sent. */
export interface Sql {
  /** Rejects with what the database said, `code` being its SQLSTATE, or with why it cannot be reached. */
  query(text: string, params: readonly string[]): Promise<readonly Row[]>;
  /** Several statements without parameters, in one transaction. */
  run(text: string): Promise<void>;
  /** Ends it at once; what is under way rejects. Never rejects. */
  close(): Promise<void>;
}

/** Connects. `closed` is called when the connection has ended, whoever ended it. Rejects with why it cannot. */
export type Connect = (closed: () => void) => Promise<Sql>;

/** What another server did at the same moment: the same statement succeeds when it is sent again. */
const AGAIN: ReadonlySet<string> = new Set([
  "23505", // unique_violation
  "40P01", // deadlock_detected
  "40001", // serialization_failure
]);

export function isToRepeat(error: unknown): boolean {
  return AGAIN.has(sqlStateOf(error) ?? "");
}

/** A value of the statement is no value of its column: nothing is wrong with the database. */
export function isOfValues(error: unknown): boolean {
  return /^2[23]/.test(sqlStateOf(error) ?? "");
}

/**
 * The statement is wrong, or refused for what it is (its tables, its rights, its values): nothing is wrong with the connection,
 * and the same statement would be refused again.
 */
export function isOfStatement(error: unknown): boolean {
  return /^(0A|2[0-8]|42|54)[0-9A-Z]{3}$/.test(sqlStateOf(error) ?? "");
}

export function sqlStateOf(error: unknown): string | null {
  if (typeof error !== "object" || error === null || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}

/** The database cannot be used now; the message says why. */
export class DatabaseError extends Error {
  readonly code = "EIM_PXE_DATABASE";

  constructor(message: string) {
    super(message);
    this.name = "DatabaseError";
  }
}
