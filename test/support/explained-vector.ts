import { explain } from "../../src/commands/explain.ts";
import { FakeProgram } from "./program.ts";
import { environmentOf } from "./smee-site.ts";
import type { SmeeVector } from "./smee-vectors.ts";

/** What `explain --json` says that this configuration answers to a vector's request. */
export async function explainVector(vector: SmeeVector, configFile: string) {
  const program = new FakeProgram("", environmentOf(vector));
  const { source, request: hex } = vector;
  await explain(program, configFile, { interface: null, source, port: 67, hex });
  const { decision, reply } = JSON.parse(program.written);
  return { decision, reply };
}
