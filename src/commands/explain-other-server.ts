import { loadConfiguration } from "../daemon/settings/settings.ts";
import { textForOtherServer, type WantedText } from "../daemon/settings/other-server.ts";
import { readInterfaces } from "../net/interfaces.ts";
import { ExitCode, type Program } from "./shared/context.ts";

export interface OtherServerOptions extends WantedText {
  readonly config: string | null;
}

/** `eim-pxe explain --other-server`: what another DHCP server has to lose and to say, with this site's addresses. */
export function explainOtherServer(program: Program, options: OtherServerOptions): number {
  const config = loadConfiguration(options.config, program.environment);
  program.out.write(textForOtherServer(config, readInterfaces(), options));
  return ExitCode.ok;
}
