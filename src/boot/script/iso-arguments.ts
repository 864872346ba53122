import type { Mac } from "../../lib/mac.ts";
import type { NodeEntry } from "../node.ts";
import { hookHosts, type HookSettings } from "./hook-script.ts";

/**
 * What is written into the placeholder of an ISO image for one machine: kernel arguments, word by word and in the
 * order of SMEE's.
 */

/** By which HookOS's images mark the place (Tinkerbell's `isoPatchMagicString`). */
export const USUAL_PLACEHOLDER =
  "464vn90e7rbj08xbwdjejmdf4it17c5zfzjyfhthbh19eij201hjgit021bmpdb9" +
  "ctrc87x2ymc8e7icu4ffi15x1hah9iyaiz38ckyap8hwx2vt5rm44ixv4hau8iw7" +
  "18q5yd019um5dt2xpqqa2rjtdypzr5v1gun8un110hhwp8cex7pqrh2ivh0ynpm4" +
  "zkkwc8wcn367zyethzy7q8hzudyeyzx3cgmxqbkh825gcak7kxzjbgjajwizryv7" +
  "ec1xm2h0hh7pz29qmvtgfjj1vphpgq1zcbiiehv52wrjy9yq473d9t1rvryy6929" +
  "nk435hfx55du3ih05kn5tju3vijreru1p6knc988d4gfdz28eragvryq5x8aibe5" +
  "trxd0t6t7jwxkde34v6pj1khmp50k6qqj3nzgcfzabtgqkmeqhdedbvwf3byfdma" +
  "4nkv3rcxugaj2d0ru30pa2fqadjqrtjnv8bu52xzxv7irbhyvygygxu1nt5z4fh9" +
  "w1vwbdcmagep26d298zknykf2e88kumt59ab7nq79d8amnhhvbexgh48e8qc61vq" +
  "2e9qkihzt1twk1ijfgw70nwizai15iqyted2dt9gfmf2gg7amzufre79hwqkddc1" +
  "cd935ywacnkrnak6r7xzcz7zbmq3kt04u2hg1iuupid8rt4nyrju51e6uejb2ruu" +
  "36g9aibmz3hnmvazptu8x5tyxk820g2cdpxjdij766bt2n3djur7v623a2v44juy" +
  "fgz80ekgfb9hkibpxh3zgknw8a34t4jifhf116x15cei9hwch0fye3xyq0acuym8" +
  "uhitu5evc4rag3ui0fny3qg4kju7zkfyy8hwh537urd5uixkzwu5bdvafz4jmv7i" +
  "mypj543xg5em8jk8cgk7c4504xdd5e4e71ihaumt6u5u2t1w7um92fepzae8p0vq" +
  "93wdrd1756npu1pziiur1payc7kmdwyxg3hj5n4phxbc29x0tcddamjrwt260b0w";

export interface IsoBoot {
  readonly mac: Mac;
  readonly node: IsoNode | null;
  /** Ours, as the machine reaches it, without a slash at the end. */
  readonly baseUrl: string;
  readonly kernelArgs: readonly string[];
  /** Whether the machine's address is among them (`ipam=`). */
  readonly staticAddress: boolean;
}

/** What of a machine's entry they depend on. */
export type IsoNode = Pick<
  NodeEntry,
  "hook" | "address" | "netmask" | "router" | "name" | "dns" | "domain" | "domainSearch" | "ntp"
>;

const usualConsoles = ["ttyAMA0", "ttyS0", "tty0", "tty1", "ttyS1"].map(
  (name) => `console=${name}`,
);

export function isoArguments(settings: HookSettings, boot: IsoBoot): string {
  const { mac, node, baseUrl, kernelArgs } = boot;
  const { tinkServer, syslogHost } = hookHosts(settings, baseUrl);
  const vlan = node?.hook?.vlanId ?? null;
  const vlanWord = vlan === null ? null : `vlan_id=${vlan}`;
  const worker = [
    `hw_addr=${mac}`,
    `syslog_host=${syslogHost}`,
    `grpc_authority=${tinkServer}`,
    `tinkerbell_tls=${settings.tls}`,
    `worker_id=${mac}`,
  ];
  const consoles = consolesOf(node?.hook?.facility ?? null);
  const address = boot.staticAddress && node !== null ? [ipamOf(mac, node)] : [];
  const words =
    settings.flavour === "smee"
      ? [
          ...consoles,
          ...(vlanWord === null ? [] : [vlanWord]),
          ...worker,
          ...kernelArgs,
          ...address,
        ]
      : // The standalone SMEE has a blank where there is no VLAN.
        [...kernelArgs, ...consoles, vlanWord ?? "", ...worker, ...address];
  return words.join(" ");
}

/** Who writes consoles into the facility has no others. */
function consolesOf(facility: string | null): readonly string[] {
  if (facility === null || facility === "") return usualConsoles;
  const named = `facility=${facility}`;
  return facility.includes("console=") ? [named] : [named, ...usualConsoles];
}

/** The address that HookOS takes without asking; what is not known is empty. */
function ipamOf(mac: Mac, node: IsoNode): string {
  const search = node.domainSearch.length > 0 ? node.domainSearch : [node.domain ?? ""];
  const parts = [
    mac.replaceAll(":", "-"),
    node.hook?.vlanId ?? "",
    node.address ?? "",
    node.netmask ?? "",
    node.router?.[0] ?? "",
    node.name ?? "",
    (node.dns ?? []).join(","),
    search.join(","),
    (node.ntp ?? []).join(","),
  ];
  return `ipam=${parts.join(":")}`;
}
