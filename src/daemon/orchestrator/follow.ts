import type { ProxySettings } from "../../artifacts/origin/proxy.ts";
import type { Config } from "../../config/schema.ts";
import type { EventBus } from "../../events/bus.ts";
import type { Clock } from "../../lib/clock.ts";
import type { BootSessions } from "../../timeline/boots.ts";
import { HostApi } from "./host-api.ts";
import { Registrations } from "./registrations.ts";
import { StageReports } from "./stage-reports.ts";

/** Begins to tell of machines whether they are registered, and the orchestrator how far they come, as the configuration says; null: it does not. */
export function followRegistrations(
  config: Config,
  environment: ProxySettings["environment"],
  {
    sessions,
    events,
    clock,
  }: {
    readonly sessions: BootSessions;
    readonly events: EventBus;
    readonly clock: Clock;
  },
): { stop(): Promise<void> } | null {
  const { orchestrator } = config.nodes;
  if (orchestrator === null) return null;
  const proxy = { proxy: config.artifacts.proxy, environment };
  const api = new HostApi(orchestrator, { proxy, now: () => clock.now() });
  const registrations = new Registrations({
    find: (filter) => api.find(filter),
    source: orchestrator.apiUrl,
    sessions,
    emit: events.emit,
    clock,
  });
  const reports = !orchestrator.reportStages
    ? null
    : new StageReports({
        write: (host, metadata) => api.writeMetadata(host, metadata),
        source: orchestrator.apiUrl,
        sessions,
        emit: events.emit,
        clock,
      });
  const listeners = [registrations, ...(reports === null ? [] : [reports])];
  const stopHearing = listeners.map(({ hear }) => events.subscribe(hear));
  return {
    stop: async () => {
      for (const stop of stopHearing) stop();
      const stopped = listeners.map((listener) => listener.stop());
      api.close();
      await Promise.all(stopped);
    },
  };
}
