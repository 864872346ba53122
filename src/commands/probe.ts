import { networkInterfaces } from "node:os";
import type { Firmware } from "../pxe-client/wire/dhcp-requests.ts";
import { probe as runProbe, type ProbeResult, type ProbeStep } from "../pxe-client/probe/probe.ts";
import { syntheticUuid } from "../boot/synthetic-uuid.ts";
import { syntheticMac } from "../pxe-client/wire/synthetic-identity.ts";
import { serverLine, type ServerHeard } from "../pxe-client/probe/report.ts";
import { CLIENT_PORT } from "../dhcp/message/destination.ts";
import { inFourLines } from "../lib/finding.ts";
import { ConfigError } from "../lib/errors.ts";
import { parseMac } from "../lib/mac.ts";
import { openSharedSocket } from "../net/device-socket.ts";
import { openDgram, openDgramConnected } from "../net/dgram.ts";
import { interfaceNamed, readInterfaces } from "../net/interfaces.ts";
import { ExitCode, type Program } from "./shared/context.ts";

export interface ProbeOptions {
  readonly interface: string;
  readonly firmware: Firmware;
  /** The machine to play; null for an unknown one. */
  readonly mac: string | null;
  readonly json: boolean;
}

/** `eim-pxe probe`: plays a PXE client on the wire and says whether it would boot, or why not. */
export async function probe(program: Program, options: ProbeOptions): Promise<number> {
  const { name, address } = interfaceNamed(readInterfaces(), options.interface);
  const own = networkInterfaces()[name]?.find((entry) => entry.address === address)?.mac ?? "";
  const unknownMac = syntheticMac(own);
  const mac = options.mac === null ? unknownMac : parseMac(options.mac);
  if (mac === null) {
    throw new ConfigError([`--mac ${options.mac ?? ""}: must be like 08:00:27:29:4e:67`]);
  }
  const machine = { mac, uuid: syntheticUuid(mac), firmware: options.firmware };
  const print = (line: string) => {
    if (!options.json) program.out.write(`${line}\n`);
  };
  print(
    `Playing ${options.firmware} firmware as ${mac} on ${name} (${address}); it takes no lease.\n`,
  );
  const clientPort = await openSharedSocket(name, address, CLIENT_PORT);
  try {
    const result = await runProbe(machine, {
      interface: name,
      address,
      clientPort,
      unknownMac,
      openUdp: openDgram,
      openConnectedUdp: openDgramConnected,
      onStep: (step, servers) => {
        for (const line of stepLines(step, servers)) print(line);
      },
    });
    if (options.json) program.out.write(`${JSON.stringify(asJson(result))}\n`);
    else print(`\n${verdict(result)}`);
    return result.wouldBoot ? ExitCode.ok : ExitCode.notBooted;
  } finally {
    await clientPort.close();
  }
}

function asJson({ wouldBoot, steps, servers, failure }: ProbeResult): object {
  const { code = null, cause = null, remedy = null, who = null } = failure ?? {};
  return { wouldBoot, steps, servers, code, cause, remedy, who };
}

function stepLines(step: ProbeStep, servers: readonly ServerHeard[]): string[] {
  const { ok, ms, bytes, sha256, detail } = step;
  const size = bytes === undefined ? "" : `  ${bytes} bytes`;
  const sum = sha256 === undefined ? "" : `\n${" ".repeat(36)}sha256 ${sha256}`;
  const head = `${step.step.padEnd(16)}  ${ok ? "ok    " : "FAILED"}  ${`${ms} ms`.padStart(8)}`;
  return [...servers.map((one) => `  heard ${serverLine(one)}`), `${head}  ${detail}${size}${sum}`];
}

function verdict({ failure }: ProbeResult): string {
  if (failure === null) return "This machine would boot.";
  return `This machine would not boot.\n${inFourLines(failure)}`;
}
