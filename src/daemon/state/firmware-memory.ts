import { OfferStyleTable } from "../../boot/offer-style.ts";
import type { Siblings } from "../../boot/loader-choice.ts";
import type { Emit, PxeEvent } from "../../events/types.ts";
import type { SteadyClock } from "../../lib/clock.ts";
import type { Ip4 } from "../../lib/ip4.ts";
import type { Mac } from "../../lib/mac.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { LoaderChoiceKeeper } from "./loader-choice-file.ts";
import { OfferStyleKeeper } from "./offer-style-file.ts";
import type { SenderAt } from "./sender.ts";

export interface FirmwareMemoryParts {
  readonly dataDir: string;
  readonly sessions: Pick<BootSessions, "ownerOf">;
  /** The hardware address that the operating system knows an address on a link by; null: it knows none. */
  readonly neighbourAt: (address: Ip4) => Mac | null;
  readonly emit: Emit;
  readonly clock: SteadyClock;
}

/** What is learnt of the machines' firmware: how it has to be answered, and which loader runs. */
export class FirmwareMemory {
  readonly offerStyles = new OfferStyleTable();
  readonly styles: OfferStyleKeeper;
  readonly loaders: LoaderChoiceKeeper;

  constructor(parts: FirmwareMemoryParts) {
    const { sessions, neighbourAt, ...rest } = parts;
    // Field fault 47: anybody can write a machine's hardware address into a URL, or into a file name by TFTP.
    const senderAt: SenderAt = (address) =>
      address === null ? null : (sessions.ownerOf(address) ?? neighbourAt(address));
    this.styles = new OfferStyleKeeper({ ...rest, senderAt, table: this.offerStyles });
    this.loaders = new LoaderChoiceKeeper({ ...rest, senderAt });
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
