import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { TurnTimes } from "../../net/load-loop.ts";
import {
  type MachineOutcome,
  simulatedStages,
  type SimulatedStage,
} from "../../pxe-client/simulation/plan.ts";
import { type Job, type Order, told } from "../../pxe-client/simulation/protocol.ts";

export interface Progress {
  /** Machines in each stage now. */
  readonly stages: Readonly<Partial<Record<SimulatedStage, number>>>;
  readonly booted: number;
  readonly failed: number;
  readonly bytes: number;
}

interface Worker {
  readonly child: ChildProcess;
  readonly own: number;
  readonly ended: Promise<void>;
  stages: Readonly<Partial<Record<SimulatedStage, number>>>;
  bytes: number;
  isReady: boolean;
  hasEnded: boolean;
}

/** So long has a worker to take its addresses away and to give its leases back. */
const stopMs = 20_000;

/** The worker processes of one run. */
export class Workers {
  readonly #all: readonly Worker[];
  readonly #job: Omit<Job, "own">;
  readonly #outcomes = new Map<number, MachineOutcome>();
  readonly turns: TurnTimes[] = [];
  #unable: string | null = null;
  #onChange: () => void = () => {};

  /** @param self the command line that starts this program again */
  constructor(self: readonly string[], job: Omit<Job, "own">) {
    this.#job = job;
    this.#all = Array.from({ length: job.workers }, (_, own) => this.#start(self, own));
  }

  get pids(): readonly number[] {
    return this.#all.flatMap(({ child }) => child.pid ?? []);
  }

  get outcomes(): readonly MachineOutcome[] {
    return [...this.#outcomes.values()];
  }

  get progress(): Progress {
    const stages: Partial<Record<SimulatedStage, number>> = {};
    let bytes = 0;
    for (const worker of this.#all) {
      bytes += worker.bytes;
      if (worker.hasEnded) continue;
      for (const stage of simulatedStages) {
        const count = (stages[stage] ?? 0) + (worker.stages[stage] ?? 0);
        if (count > 0) stages[stage] = count;
      }
    }
    const failed = this.outcomes.filter(({ failure }) => failure !== null).length;
    return { stages, booted: this.#outcomes.size - failed, failed, bytes };
  }

  /** Resolves when all can begin; with why one cannot, else null. */
  async ready(): Promise<string | null> {
    await this.#until(() => this.#all.every((one) => one.isReady || one.hasEnded));
    const ended = this.#all.some((one) => one.hasEnded && !one.isReady);
    return this.#unable ?? (ended ? "a worker process ended at once" : null);
  }

  begin(epochMs: number): void {
    for (const worker of this.#all) this.#tell(worker, { kind: "start", epochMs });
  }

  /** Resolves when every machine has come to its end, or its worker has. */
  finished(): Promise<void> {
    return this.#until(
      () => this.#outcomes.size === this.#job.nodes || this.#all.every(({ hasEnded }) => hasEnded),
    );
  }

  /** Stops them; what is not played to its end yet fails with this reason. */
  async stop(reason: string): Promise<void> {
    this.#fail(() => true, reason);
    for (const worker of this.#all) this.#tell(worker, { kind: "stop" });
    const timer = setTimeout(() => {
      for (const { child } of this.#all) child.kill("SIGKILL");
    }, stopMs);
    await Promise.all(this.#all.map(({ ended }) => ended));
    clearTimeout(timer);
  }

  #start(self: readonly string[], own: number): Worker {
    const [program = "", ...args] = self;
    const child = spawn(program, [...args, "simulate-worker"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const ended = new Promise<void>((resolve) => {
      child.once("close", () => resolve());
      child.once("error", () => resolve());
    }).then(() => {
      worker.hasEnded = true;
      this.#fail((index) => index % this.#job.workers === own, "its worker process was ended");
      return this.#onChange();
    });
    const worker: Worker = {
      child,
      own,
      ended,
      stages: {},
      bytes: 0,
      isReady: false,
      hasEnded: false,
    };
    // A worker that is gone takes no orders.
    child.stdin.on("error", () => {});
    createInterface({ input: child.stdout }).on("line", (line) => this.#hear(worker, line));
    this.#tell(worker, { ...this.#job, own });
    return worker;
  }

  #hear(worker: Worker, line: string): void {
    const message = told.parse(JSON.parse(line));
    switch (message.kind) {
      case "ready":
        worker.isReady = true;
        break;
      case "unable":
        this.#unable = message.reason;
        break;
      case "progress":
        worker.stages = message.stages;
        worker.bytes = message.bytes;
        break;
      case "outcome":
        if (!this.#outcomes.has(message.index)) this.#outcomes.set(message.index, message);
        break;
      case "end":
        this.turns.push(message.turns);
        break;
    }
    this.#onChange();
  }

  #fail(ofThese: (index: number) => boolean, reason: string): void {
    for (let index = 0; index < this.#job.nodes; index += 1) {
      if (!ofThese(index) || this.#outcomes.has(index)) continue;
      const failure = { stage: "run", reason } as const;
      this.#outcomes.set(index, { index, failure, spans: [], answersMs: [], bytes: 0, repeats: 0 });
    }
  }

  #tell({ child }: Worker, what: Order): void {
    child.stdin?.write(`${JSON.stringify(what)}\n`);
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (holds()) resolve();
      };
      this.#onChange = look;
      look();
    });
  }
}
