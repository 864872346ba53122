import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { stages } from "../../../src/timeline/stages.ts";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, useSite } from "../boots.ts";
import { wire } from "../network.ts";
import { run } from "../process.ts";
import { labTools } from "../site.ts";

/*
 * Real firmware beside hostile traffic: what `npm run test:live-fire` sends, from forty hosts on the machine's own link. What
 * comes of many machines, of memory and of the log is seen there.
 */

const skipped = reasonToSkip({ root: true, tools: labTools });
const addresses = Array.from({ length: 40 }, (_, index) => `192.168.77.${index + 210}`);
/** Longer than a boot takes on a busy machine; it is ended with the test. */
const seconds = 600;

describe.skipIf(skipped !== null)("a machine beside hostile traffic to all ports", () => {
  let fire: ChildProcess | null = null;
  const site = useSite({
    mode: "full",
    loaders: "modern",
    extend: async ({ namespace, farNamespace }) => {
      const cable = ["peer", "name", "eth0", "netns", farNamespace];
      await run(["ip", "-n", namespace, "link", "add", "far0", "type", "veth", ...cable]);
      await run(["ip", "-n", namespace, "link", "set", "far0", "master", wire.bridge, "up"]);
      for (const address of addresses) {
        const own = [`${address}/24`, "brd", "+", "dev", "eth0"];
        await run(["ip", "-n", farNamespace, "addr", "add", ...own]);
      }
      await run(["ip", "-n", farNamespace, "link", "set", "eth0", "up"]);
      return { settings: { syslog: { port: 514 } } };
    },
  });
  afterAll(() => fire?.kill());

  it("boots to its Micro-OS, and the attack goes on until then", async () => {
    const traffic = fileURLToPath(new URL("../../endurance/traffic.ts", import.meta.url));
    const node = [process.execPath, "--import", "tsx", traffic];
    const words = [wire.serverAddress, String(seconds), ...addresses];
    const [program, ...args] = site().network.insideFar("nice", ...node, ...words);
    const firing = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    fire = firing;
    await new Promise((resolve, reject) => {
      firing.stdout.once("data", resolve);
      firing.once("exit", () => reject(new Error("the attack did not begin")));
    });
    const boot = await bootOne(site(), "uefi");
    expect(firing.exitCode).toBeNull();
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);
    const refused = site().server.events.filter(({ event }) => event === "tftp-refused");
    expect(refused.length).toBeGreaterThan(10);
  });
});
