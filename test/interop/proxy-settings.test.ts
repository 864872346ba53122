import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Field faults 23, 24 and 25: whom the environment's proxy settings have asked, by what curl makes of the same
 * settings on the same host.
 */

const missing = reasonToSkip({ tools: ["ip", "curl"], root: true }) ?? netnsMissing();

const answered = z.object({ answers: z.tuple([z.string(), z.string()]) });

type Environment = Readonly<Record<string, string>>;

const proxy = "http://127.0.0.1:3128";
const other = "http://127.0.0.1:8080";
const secure = "https://a.example/x/file";
const plain = "http://a.example/x/file";
const ip4 = "https://10.9.0.1/x/file";
const ip6 = "https://[fd00::7]/x/file";

const selection: readonly (readonly [string, Environment])[] = [
  [secure, {}],
  [secure, { https_proxy: proxy }],
  [secure, { HTTPS_PROXY: proxy }],
  [secure, { https_proxy: proxy, HTTPS_PROXY: other }],
  [secure, { https_proxy: "", HTTPS_PROXY: proxy }],
  [secure, { http_proxy: proxy }],
  [secure, { HTTP_PROXY: proxy }],
  [secure, { all_proxy: proxy }],
  [secure, { ALL_PROXY: proxy }],
  [secure, { all_proxy: proxy, ALL_PROXY: other }],
  [secure, { all_proxy: other, https_proxy: proxy }],
  [secure, { all_proxy: proxy, https_proxy: "" }],
  [plain, { http_proxy: proxy }],
  [plain, { HTTP_PROXY: proxy }],
  [plain, { HTTP_PROXY: proxy, all_proxy: other }],
  [plain, { https_proxy: proxy }],
  [plain, { all_proxy: proxy }],
  [plain, { ALL_PROXY: proxy }],
  ["http://a.example:8080/file", { http_proxy: proxy }],
  ["https://a.example:8080/file", { https_proxy: proxy }],
];

const forms = [
  "127.0.0.1:3128",
  "u:p@127.0.0.1:3128",
  "http://127.0.0.1",
  "127.0.0.1",
  "http://127.0.0.1:80",
  "HTTP://127.0.0.1:3128",
  "http://127.0.0.1:3128/",
  "http://127.0.0.1:3128/ignored",
  "http://a.example:3128",
  "http://[fd00::7]:3128",
  "http://u:p@127.0.0.1:3128",
  "http://u@127.0.0.1:3128",
  "http://u:@127.0.0.1:3128",
  "http://u:p%40ss%3A@127.0.0.1:3128",
  "http://u:100%@127.0.0.1:3128",
  "http://u:5%zz%4@127.0.0.1:3128",
  "http://u:p%25zz@127.0.0.1:3128",
  "http://u:%c3%a4%FF@127.0.0.1:3128",
  "http://u:ä@127.0.0.1:3128",
  "http://u:a:b@127.0.0.1:3128",
  "http://u:a+b@127.0.0.1:3128",
];

const names = [
  "a.example",
  "A.EXAMPLE",
  "example",
  ".example",
  "..example",
  ".a.example",
  "a.example.",
  ".a.example.",
  "b.example",
  "xa.example",
  "ple",
  "*",
  " * ",
  "*,b.example",
  "b.example,*",
  "*.example",
  "b.example,a.example",
  "b.example a.example",
  "b.example, a.example",
  ",,a.example,,",
  "a.example:443",
  "a.example:80",
  "10.9.0.0/16",
  "https://a.example",
  "",
];

const addresses4 = [
  "10.9.0.1",
  "10.9.0.2",
  "10.9.0.0/16",
  "10.0.0.0/8",
  "10.9.0.1/32",
  "10.9.0.0/32",
  "10.9.0.1/0",
  "0.0.0.0/0",
  "10.9.0.1/33",
  "10.9.0.1/",
  "10.9.0.2/31",
  "10.9.0.0/31",
  "10.9.0.1/x",
  "192.0.2.0/24,10.9.0.0/24",
  "10.9",
  "10.9.",
  ".0.1",
  "10.9.0.1:443",
  "[10.9.0.1]",
  "fd00::/8",
  "*",
];

/** Of these curl's manual says that they match, and curl 7.88 takes an IPv6 address for a name. */
const networks6 = ["FD00:0::7", "fd00::/8", "fc00::/7", "fd00::7/128", "fd00::7/0"];

const addresses6 = [
  "fd00::7",
  "fd00::8",
  "[fd00::7]",
  "[fd00::7]:443",
  "fe00::/8",
  "fd00::7/129",
  "::/0",
  "10.0.0.0/8",
  "*",
];

const cases: readonly (readonly [string, Environment])[] = [
  ...selection,
  ...forms.flatMap((form): (readonly [string, Environment])[] => [
    [secure, { https_proxy: form }],
    [plain, { http_proxy: form }],
  ]),
  ...names.map((no_proxy) => [secure, { https_proxy: proxy, no_proxy }] as const),
  ...["a.example", "b.example"].map(
    (no_proxy) => [plain, { http_proxy: proxy, no_proxy }] as const,
  ),
  ["https://a.example./x/file", { https_proxy: proxy, no_proxy: "a.example" }],
  [secure, { https_proxy: proxy, NO_PROXY: "a.example" }],
  [secure, { https_proxy: proxy, NO_PROXY: "a.example", no_proxy: "b.example" }],
  [secure, { https_proxy: proxy, NO_PROXY: "a.example", no_proxy: "" }],
  [secure, { https_proxy: proxy, NO_PROXY: "" }],
  ...addresses4.map((no_proxy) => [ip4, { https_proxy: proxy, no_proxy }] as const),
  ...addresses6.map((no_proxy) => [ip6, { https_proxy: proxy, no_proxy }] as const),
  [ip6, {}],
  [ip4, {}],
  ["http://[fd00::7]/file", { http_proxy: proxy }],
  ["http://[fd00::7]:8080/file", { http_proxy: proxy }],
  ["https://[fd00::7]:8080/file", { https_proxy: proxy }],
];

describe.skipIf(missing !== null)("the environment's proxies", () => {
  let net: Netns;
  let guest: Guest;
  let hosts: string;
  beforeAll(async () => {
    net = createNetns();
    const host = net.host("proxied");
    hosts = `/etc/netns/${host}`;
    mkdirSync(hosts, { recursive: true });
    writeFileSync(`${hosts}/hosts`, "127.0.0.1 localhost\n10.9.0.1 a.example b.example\n");
    for (const address of ["10.9.0.1/32", "fd00::7/128"]) {
      net.ip(host, "address", "add", address, "dev", "lo");
    }
    guest = net.run(host, new URL("guests/proxy-table.ts", import.meta.url));
    await guest.next();
  });
  afterAll(async () => {
    await net.close();
    rmSync(hosts, { recursive: true, force: true });
  });

  async function asked(url: string, environment: Environment) {
    guest.write(JSON.stringify({ url, environment }));
    return answered.parse(await guest.next()).answers;
  }

  it.each(cases)("for %s with %j are those that curl takes", async (url, environment) => {
    const [byCurl, byOurs] = await asked(url, environment);
    expect(byOurs).toBe(byCurl);
  });

  it.each(networks6)("are passed by for an IPv6 address of %s", async (no_proxy) => {
    const [, byOurs] = await asked(ip6, { https_proxy: proxy, no_proxy });
    expect(byOurs).toBe("fd00::7:443 TLS");
  });

  it.each(["socks5://127.0.0.1:1080", "socks4a://127.0.0.1", "socks://h", "SOCKS5H://h:1"])(
    "that speak SOCKS are refused in words: %s",
    async (https_proxy) => {
      const [, byOurs] = await asked(secure, { https_proxy });
      expect(byOurs).toMatch(
        /^the environment's https_proxy: SOCKS proxies \(socks\w*\) are not supported; name a/,
      );
      // Where it is not asked it is no trouble.
      const spared = await asked(secure, { https_proxy, no_proxy: "a.example" });
      expect(spared[1]).toBe(spared[0]);
    },
  );
});
