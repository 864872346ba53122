import type { PxeEvent } from "../../src/events/types.ts";
import type { AdminAppOptions } from "../../src/http/admin/app.ts";
import { type HttpPort, listen } from "../../src/http/listen.ts";
import { BootSessions } from "../../src/timeline/boots.ts";
import { TimelineRecorder } from "../../src/timeline/recorder.ts";
import { AdminSite } from "./admin-site.ts";
import { type Beat, storyMac } from "./boot-story.ts";
import { anyNumber } from "./connections.ts";

/** The same as another machine tells it, whose URL has its own hardware address. */
function toldBy<Event extends PxeEvent>(event: Event, mac: string): Event {
  return "boots" in event
    ? { ...event, mac, boots: event.boots.replace(storyMac, mac) }
    : { ...event, mac };
}

/** Behind the admin port, machines that are told instead of booted: for pictures and for loads. */
export class MadeUpSite {
  readonly site = new AdminSite();
  readonly sessions = new BootSessions();
  /** What is added to the clock while a story is told. */
  #offsetMs = 0;
  readonly #recorder: TimelineRecorder;
  #port: HttpPort | null = null;

  constructor() {
    this.#recorder = new TimelineRecorder({
      sessions: this.sessions,
      clock: this.#clock,
      neighbourAt: () => null,
      emit: (event) => this.emit(event),
      stageReached: () => {},
    });
  }

  get #clock() {
    const now = () => Date.now() + this.#offsetMs;
    return { now, wall: now };
  }

  /** As the event bus hands it on: first to the timeline, then to the streams. */
  emit(event: PxeEvent): void {
    const complete = this.#recorder.complete(event);
    this.#recorder.hear(complete);
    this.site.emit(complete);
  }

  /** Tells what a machine did, with its last beat so many seconds ago. */
  tell(mac: string, address: string, beats: readonly Beat[], endedSecondsAgo: number): void {
    const last = beats.at(-1)?.[0] ?? 0;
    for (const [seconds, event] of beats) {
      this.#offsetMs = (seconds - last - endedSecondsAgo) * 1000;
      if (event === "moved") this.sessions.progress({ mac, address }, this.#clock.now());
      else if (!("mac" in event)) this.emit(event);
      else this.emit({ ...toldBy(event, mac), address: event.address === null ? null : address });
    }
    this.#offsetMs = 0;
  }

  /** Opens the admin port; returns its URL. */
  async open(dashboardFolder: string, given: Partial<AdminAppOptions> = {}): Promise<string> {
    const app = this.site.app({
      dashboardFolder,
      sessions: this.sessions,
      clock: this.#clock,
      readiness: () => ({ ready: true, reasons: [], unserved: [] }),
      ...given,
    });
    this.#port = await listen(app, { host: "127.0.0.1", port: 0 }, anyNumber());
    return `http://127.0.0.1:${this.#port.port}`;
  }

  async close(): Promise<void> {
    await this.#port?.close(0);
    await this.site.close();
  }
}
