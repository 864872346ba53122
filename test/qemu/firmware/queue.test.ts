import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { stages } from "../../../src/timeline/stages.ts";
import { reasonToSkip } from "../../support/tools.ts";
import { bootOne, useSite } from "../boots.ts";
import { wire } from "../network.ts";
import { run } from "../process.ts";
import { labTools } from "../site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, "curl"] });

describe.skipIf(skipped !== null)("http.queue with one place", () => {
  const extend = async () => ({ settings: { http: { queue: 1 } } });
  const site = useSite({ mode: "proxy", extend });
  let other: ReturnType<typeof spawn> | null = null;
  afterAll(() => other?.kill());

  it("a machine waits longer than a request is held, is asked to come again, and boots", async () => {
    // With small buffers, so that the kernel does not take the end of the file long before the client does.
    for (const name of ["tcp_rmem", "tcp_wmem"]) {
      await run(site().network.inside("sysctl", "-qw", `net.ipv4.${name}=4096 65536 65536`));
    }
    const url = `http://${wire.serverAddress}:8080/artifacts/vmlinuz-x86_64`;
    const words = ["curl", "-s", "--limit-rate", "80k", "-o", "/dev/null", url] as const;
    const [program, ...args] = site().network.inside(...words);
    other = spawn(program, args, { stdio: "ignore" });
    const { server } = site();
    await server.waitForEvent("kernel", null, 10_000);
    expect(server.events.map(({ event }) => event)).not.toContain("download-admitted");
    const booting = bootOne(site(), "uefi");
    const waits = server.waitForEvent("download-waiting", null, 90_000);
    await Promise.race([waits, booting]);
    await sleep(24_000);
    other.kill();
    const boot = await booting;
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);
    const heard = server.events
      .filter(({ fields }) => fields["mac"] === boot.machine.mac)
      .map(({ event }) => event);
    const order = ["script", "download-waiting", "download-admitted", "kernel", "initramfs-done"];
    expect(heard.filter((event) => order.includes(event))).toEqual(order);
    // Of the request that is admitted; the one before it had its 20 seconds.
    const admitted = server.events.find(({ event }) => event === "download-admitted");
    expect(Number(admitted?.fields["waitedMs"])).toBeLessThan(10_000);
  });
});
