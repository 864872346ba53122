import type { OtherServer, SiteOrigin } from "../api/site.ts";
import type { PxeEvent } from "../events/types.ts";
import { BoundedMap } from "../lib/bounded-map.ts";

/** Others are few; who makes up addresses pushes out others that were made up. */
const rememberedServers = 64;

/** What the events say of the site: other servers on its links, and the orchestrator. */
export class SiteNotes {
  readonly #others = new BoundedMap<string, OtherServer>(rememberedServers);
  #origin: SiteOrigin | null;

  constructor(originUrl: string | null) {
    this.#origin =
      originUrl === null
        ? null
        : {
            url: originUrl,
            state: "not-asked",
            lastSyncAt: null,
            failure: null,
            certificateExpiresAt: null,
            progress: null,
          };
  }

  /** Heard last first. */
  otherServers(): readonly OtherServer[] {
    return [...this.#others.values()].toSorted((a, b) =>
      a.lastHeardAt < b.lastHeardAt ? 1 : a.lastHeardAt > b.lastHeardAt ? -1 : 0,
    );
  }

  origin(): SiteOrigin | null {
    return this.#origin;
  }

  hear(event: PxeEvent, wallMs: number): void {
    // Few events are noted, and thousands come in a second.
    const at = (): string => new Date(wallMs).toISOString();
    switch (event.event) {
      case "other-dhcp-server":
        this.#other(event, { givesAddresses: event.offered !== null }, at());
        break;
      case "competing-offer":
        this.#other(
          event,
          { givesAddresses: event.offered !== null, answersPxe: event.pxe || event.bootFile },
          at(),
        );
        break;
      case "sync-start":
        this.#asked({ state: "asking", progress: null });
        break;
      case "sync-progress": {
        const { file, bytes, total, bytesPerSecond, remainingSeconds } = event;
        this.#asked({ progress: { file, bytes, total, bytesPerSecond, remainingSeconds } });
        break;
      }
      case "sync-done":
        this.#asked({ state: "reached", lastSyncAt: at(), failure: null, progress: null });
        break;
      case "sync-failed":
        this.#asked({
          state: "failed",
          failure: { at: at(), reason: event.reason },
          progress: null,
        });
        break;
      case "origin-certificate":
        this.#asked({ certificateExpiresAt: event.expiresAt });
        break;
      default:
    }
  }

  #other(
    { interface: on, server }: { readonly interface: string; readonly server: string },
    seen: Partial<Pick<OtherServer, "givesAddresses" | "answersPxe">>,
    at: string,
  ): void {
    const key = `${on} ${server}`;
    const known = this.#others.get(key);
    this.#others.set(key, {
      interface: on,
      server,
      givesAddresses: seen.givesAddresses === true || known?.givesAddresses === true,
      answersPxe: seen.answersPxe ?? known?.answersPxe ?? false,
      lastHeardAt: at,
    });
  }

  #asked(change: Partial<SiteOrigin>): void {
    if (this.#origin !== null) this.#origin = { ...this.#origin, ...change };
  }
}
