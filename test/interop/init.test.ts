import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Netns, netnsMissing } from "../support/netns.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* `eim-pxe init --yes` on a link, alone and beside the site's DHCP server. */

const missing = reasonToSkip({ tools: ["dnsmasq"], root: true }) ?? netnsMissing();

describe.skipIf(missing !== null)(`init${missing === null ? "" : ` (${missing})`}`, () => {
  let program: Program;
  let files: ServedSite;
  beforeAll(async () => {
    [files, program] = await Promise.all([ServedSite.open(), Program.build()]);
  });
  afterAll(async () => {
    await Promise.all([files.close(), program.remove()]);
  });

  async function initOn(name: string, more: (net: Netns, far: string) => Promise<void>) {
    const net = createNetns();
    try {
      const host = net.host("host");
      const far = net.host("far");
      net.cable(
        { host, device: "eth1", addresses: ["10.9.1.1/24"] },
        { host: far, device: "eth0", addresses: ["10.9.1.2/24"] },
      );
      await more(net, far);
      const file = files.path(`${name}.yaml`);
      const words = ["init", "--interface", "eth1", "--yes", "--output", file];
      const { code, output } = await net
        .spawn(host, process.execPath, program.entry, ...words)
        .ended();
      expect(output).toContain("Next:");
      expect(code).toBe(0);
      expect((await program.run(["check", "--config", file])).code).toBe(0);
      return { output, text: readFileSync(file, "utf8") };
    } finally {
      await net.close();
    }
  }

  test.concurrent("alone it proposes mode full with a pool", async () => {
    const { output, text } = await initOn("alone", () => Promise.resolve());
    expect(output).toContain("No DHCP server answers an unknown machine on eth1 (10.9.1.1)");
    expect(text).toMatch(
      /mode: full\n +subnet: 10\.9\.1\.0\/24\n +pools: \["10\.9\.1\.100-10\.9\.1\.199"\]/,
    );
  });

  test.concurrent("beside a DHCP server it proposes mode proxy, and names who else says what to boot", async () => {
    const { output, text } = await initOn("beside", async (net, far) => {
      const flags = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--no-ping"];
      const range = "--dhcp-range=10.9.1.100,10.9.1.150,10m";
      const leases = `--dhcp-leasefile=${files.path("leases")}`;
      const boot = "--dhcp-boot=pxelinux.0";
      await net
        .spawn(far, "dnsmasq", ...flags, "--interface=eth0", range, leases, boot)
        .said("DHCP");
    });
    expect(output).toContain("10.9.1.2 gives out addresses on eth1");
    expect(output).toContain("10.9.1.2 also says what to boot");
    expect(text).toContain("mode: proxy");
  });
});
