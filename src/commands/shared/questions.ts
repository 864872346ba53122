import { createInterface, type Interface } from "node:readline";
import { ConfigError } from "../../lib/errors.ts";
import type { Program } from "./context.ts";

/** Asks a person, or takes what is proposed. */
export class Questions {
  readonly #program: Program;
  readonly #lines: Interface | null;
  readonly #answers: AsyncIterator<string> | null;

  /** @param takesProposals nobody is asked anything */
  constructor(program: Program, takesProposals: boolean) {
    this.#program = program;
    this.#lines = takesProposals ? null : createInterface({ input: program.in });
    this.#answers = this.#lines?.[Symbol.asyncIterator]() ?? null;
  }

  /**
   * The answer, or what is proposed where it is empty.
   *
   * @param judge says what is wrong with an answer, and it is asked again; null: nothing
   * @throws ConfigError when nobody answers
   */
  async ask(
    question: string,
    proposal: string,
    judge: (answer: string) => string | null = () => null,
  ): Promise<string> {
    if (this.#answers === null) return proposal;
    const shown = proposal === "" ? "" : ` [${proposal}]`;
    for (;;) {
      this.#program.out.write(`${question}${shown} `);
      const { value, done = false } = await this.#answers.next();
      if (done) {
        throw new ConfigError([
          "the input ended before all questions were answered; give the answers as options and add --yes",
        ]);
      }
      const answer = value.trim() === "" ? proposal : value.trim();
      const problem = judge(answer);
      if (problem === null) return answer;
      this.#program.out.write(`  ${problem}\n`);
    }
  }

  close(): void {
    this.#lines?.close();
  }
}
