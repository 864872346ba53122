import { configJsonSchema } from "../config/schema.ts";
import { ExitCode, type Program } from "./shared/context.ts";

/** `eim-pxe schema`: prints the configuration's JSON Schema, for editors and other programs. */
export function schema(program: Program): number {
  const text = JSON.stringify(configJsonSchema(), null, 2);
  program.out.write(`${text}\n`);
  return ExitCode.ok;
}
