import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** Debian puts administrators' programs where a plain user's PATH does not look. */
const administratorsFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

function readable(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** Those of the programs (by name) and files (by absolute path) that this machine does not have. */
export function missingTools(names: readonly string[]): string[] {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...administratorsFolders];
  return names.filter((name) =>
    isAbsolute(name)
      ? !readable(name, constants.R_OK)
      : !folders.some((folder) => readable(join(folder, name), constants.X_OK)),
  );
}

/**
 * Why tests that need these programs, files or privileges cannot run here, or null when they can.
 * Continuous integration must never pass by skipping: there a reason is thrown, not returned.
 */
export function reasonToSkip(needs: {
  readonly tools: readonly string[];
  readonly root?: boolean;
}): string | null {
  const reasons: string[] = [];
  if (needs.root === true && process.getuid?.() !== 0) reasons.push("needs root");
  const missing = missingTools(needs.tools);
  if (missing.length > 0) reasons.push(`needs ${missing.join(", ")}`);
  if (reasons.length === 0) return null;
  const reason = reasons.join("; ");
  const ci = process.env["CI"];
  if (ci !== undefined && ci !== "" && ci !== "false") {
    throw new Error(`these tests may not be skipped in continuous integration: ${reason}`);
  }
  return reason;
}
