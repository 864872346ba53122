import { OfferStyleTable } from "../../boot/offer-style.ts";
import type { Siblings } from "../../boot/loader-choice.ts";
import type { Emit, PxeEvent } from "../../events/types.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import type { Mac } from "../../lib/mac.ts";
import { LoaderChoiceKeeper } from "./loader-choice-file.ts";
import { OfferStyleKeeper } from "./offer-style-file.ts";
import type { SenderAt } from "./sender.ts";

export interface FirmwareMemoryParts {
  readonly dataDir: string;
  readonly senderAt: SenderAt;
  readonly emit: Emit;
  readonly clock: SteadyClock;
}

/** What is learnt of the machines' firmware: how it has to be answered, and which loader runs. */
export class FirmwareMemory {
  readonly offerStyles = new OfferStyleTable();
  readonly styles: OfferStyleKeeper;
  readonly loaders: LoaderChoiceKeeper;

  constructor(parts: FirmwareMemoryParts) {
    this.styles = new OfferStyleKeeper({ ...parts, table: this.offerStyles });
    this.loaders = new LoaderChoiceKeeper(parts);
  }

  /** Takes up what was kept. `findSiblings` looks which loaders there are. */
  async start(findSiblings: () => Promise<Siblings>): Promise<void> {
    await Promise.all([this.styles.start(), this.loaders.start(findSiblings)]);
  }

  readonly hear = (event: PxeEvent): void => {
    this.styles.hear(event);
    this.loaders.hear(event);
  };

  /** From now on nothing is known of a machine. */
  forget(mac: Mac): void {
    this.styles.forget(mac);
    this.loaders.forget(mac);
  }

  async close(): Promise<void> {
    await Promise.all([this.styles.close(), this.loaders.close()]);
  }
}
