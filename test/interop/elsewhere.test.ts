import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Machines that reach the server by another address than its own: through a NAT gateway (`interfaces[].advertise`),
 * and through nginx as a reverse proxy (`http.trustedProxies`).
 */

const missing =
  reasonToSkip({ tools: ["dnsmasq", "nft", "nginx", "curl"], root: true }) ?? netnsMissing();

const own = "10.9.1.1";
const gateway = { address: "10.9.1.9", outside: "198.51.100.7" };
const nginx = "10.9.1.7";

const boots = z.object({
  boots: z.array(
    z.looseObject({
      mac: z.string().nullable(),
      address: z.string().nullable(),
      stage: z.string(),
    }),
  ),
});
const verdict = z.object({
  wouldBoot: z.boolean(),
  cause: z.string().nullable(),
  steps: z.array(z.looseObject({ step: z.string(), ok: z.boolean(), detail: z.string() })),
});

const configuration = (dataDir: string, more: string) => `
dataDir: ${dataDir}
${more}
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
`;

const natRules = (to: string) => `
table ip nat {
  chain prerouting {
    type nat hook prerouting priority dstnat;
    ip daddr ${gateway.outside} dnat to ${to}
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip daddr ${to} masquerade
  }
}
`;

const nginxConfig = (folder: string) => `
daemon off;
master_process off;
user root;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  server {
    listen ${nginx}:80;
    location / {
      proxy_pass http://${own}:8080;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`;

describe.skipIf(missing !== null)(
  `a server elsewhere${missing === null ? "" : ` (${missing})`}`,
  () => {
    let net: Netns;
    let files: ServedSite;
    let program: Program;
    let lan: string;
    let boot: string;
    let ports = 0;

    beforeAll(async () => {
      net = createNetns();
      [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
      lan = net.host("switch");
      net.ip(lan, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
      net.ip(lan, "link", "set", "br0", "up");
      boot = plugged("boot", own);
      const config = files.write(
        "boot.yaml",
        configuration(
          "data",
          `interfaces: [{ name: eth0, address: ${own}, advertise: ${gateway.outside} }]
tftp: { singlePort: true }
http: { trustedProxies: [${nginx}] }
admin: { listen: "127.0.0.1:8081" }`,
        ),
      );
      const server = run(boot, "serve", "--config", config);
      const between = plugged("gateway", gateway.address);
      execFileSync("ip", ["netns", "exec", between, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
      execFileSync("ip", ["netns", "exec", between, "nft", "-f", "-"], { input: natRules(own) });
      const dhcp = net.spawn(
        plugged("dhcp", "10.9.1.2"),
        "dnsmasq",
        "--no-daemon",
        "--conf-file=/dev/null",
        "--port=0",
        "--interface=eth0",
        "--no-ping",
        `--dhcp-leasefile=${files.path("leases")}`,
        "--dhcp-range=10.9.1.100,10.9.1.150,10m",
        `--dhcp-option=3,${gateway.address}`,
      );
      net.spawn(
        plugged("nginx", nginx),
        "nginx",
        "-c",
        files.write("nginx.conf", nginxConfig(files.folder)),
        "-p",
        files.folder,
      );
      await Promise.all([
        server.said('"event":"listening"'),
        dhcp.said("IP range"),
        eventually(() => curl(boot, `http://${nginx}/`)),
      ]);
    });

    afterAll(async () => {
      await net.close();
      await Promise.all([files.close(), program.remove()]);
    });

    function plugged(role: string, address: string): string {
      const name = net.host(role);
      const device = `port${ports++}`;
      net.cable(
        { host: lan, device, addresses: [] },
        { host: name, device: "eth0", addresses: [`${address}/24`] },
      );
      net.ip(lan, "link", "set", device, "master", "br0");
      return name;
    }

    function run(host: string, ...parts: readonly string[]): Guest {
      return net.spawn(host, process.execPath, program.entry, ...parts);
    }

    async function curl(host: string, url: string): Promise<string> {
      const { code, output } = await net.spawn(host, "curl", "-sS", url).ended();
      if (code !== 0) throw new Error(output);
      return output;
    }

    async function seen(): Promise<z.output<typeof boots>["boots"]> {
      return boots.parse(JSON.parse(await curl(boot, "http://127.0.0.1:8081/api/v1/boots"))).boots;
    }

    test.each(["uefi", "uefi-http"])(
      "behind NAT a %s machine is told the address outside, by offer and script, and would boot",
      async (firmware) => {
        const number = firmware === "uefi" ? 50 : 51;
        const mac = `52:54:00:00:09:${number}`;
        const machine = plugged(`nat${number}`, `10.9.1.${number}`);
        net.ip(machine, "route", "add", "default", "via", gateway.address);
        // What does not go through the gateway does not arrive.
        net.ip(machine, "route", "add", "blackhole", `${own}/32`);
        const flags = ["--interface", "eth0", "--json", "--mac", mac, "--firmware", firmware];
        const { output } = await run(machine, "probe", ...flags).ended();
        const { wouldBoot, cause, steps } = verdict.parse(
          JSON.parse(output.slice(output.indexOf("{"))),
        );
        expect(cause).toBeNull();
        expect(wouldBoot).toBe(true);
        const details = steps.map(({ step, detail }) => `${step} ${detail}`).join("\n");
        expect(details).toContain(`http://${gateway.outside}:8080/${mac}/boot.ipxe`);
        expect(details).toContain(`http://${gateway.outside}:8080/artifacts/vmlinuz-x86_64`);
        expect(details).not.toContain(`//${own}:`);
        // Its MAC, by which it is known, is in the script's URL.
        await eventually(async () => {
          const found = (await seen()).find((one) => one.mac === mac);
          expect(found?.stage).toMatch(/^(script|kernel|initramfs-done)/);
        });
      },
    );

    test("behind nginx a machine is in its own timeline, and is told nginx's address", async () => {
      const mac = "52:54:00:00:09:60";
      const machine = plugged("proxied", "10.9.1.60");
      const script = await curl(machine, `http://${nginx}/${mac}/boot.ipxe`);
      expect(script).toContain(`set download-url http://${nginx}/artifacts`);
      // No MAC any more: the address alone says whose download it is.
      await curl(machine, `http://${nginx}/artifacts/vmlinuz-x86_64`);
      await eventually(async () => {
        const found = (await seen()).find((one) => one.mac === mac);
        expect(found).toMatchObject({ address: "10.9.1.60", stage: "kernel" });
      });
    });
  },
);
