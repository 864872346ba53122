import type { Config } from "../../config/schema.ts";
import type { UdpSockets } from "../../net/udp.ts";
import { SyslogServer, type SyslogServerOptions } from "../../syslog/server/syslog-server.ts";
import type { BootSessions } from "../../timeline/boots.ts";

interface SyslogParts extends Pick<SyslogServerOptions, "emit" | "clock"> {
  readonly sessions: Pick<BootSessions, "ownerOf">;
  readonly udp: UdpSockets;
}

/** What takes machines' logs at our addresses; null where that is not configured. */
export function syslogServer(
  { syslog: { port } }: Config,
  { sessions, udp, emit, clock }: SyslogParts,
): SyslogServer | null {
  if (port === null) return null;
  const isKnown = (address: string) => sessions.ownerOf(address) !== null;
  return new SyslogServer({ port, openUdp: udp.open, isKnown, emit, clock });
}
