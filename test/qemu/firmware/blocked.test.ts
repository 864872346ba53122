import { describe } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { addFirewall, describeFailures, firewallTools } from "../failing.ts";
import { labTools } from "../site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...firewallTools] });

/* What a firewall or a link drops on the way. The transfers' own ports are all above 1024. */

describe.skipIf(skipped !== null)(
  `a boot that is blocked${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeFailures([
      {
        what: "UDP 69 is dropped on the way to the server",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async (network) => {
            await addFirewall(network, { incoming: ["udp dport 69 drop"] });
            return {};
          },
        },
        screen: /PXE-E18|PXE-E23|Server response timeout/,
        stage: "offer",
        code: "tftp-blocked",
        who: "network",
      },
      {
        what: "the answers from the transfers' ports are dropped",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async (network) => {
            await addFirewall(network, { outgoing: ["udp sport > 1024 udp dport > 1024 drop"] });
            return {};
          },
        },
        screen: /PXE-E18|PXE-E23|Server response timeout/,
        stage: "offer",
        code: "tftp-answers-blocked",
        cause: "the machine asks for ipxe.efi by TFTP",
        who: "network",
      },
      {
        what: "packets of more than 1000 bytes are lost on the way",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async (network) => {
            await addFirewall(network, { outgoing: ["ip protocol udp ip length > 1000 drop"] });
            return {};
          },
        },
        screen: null,
        stage: "loader-start",
        code: "large-packets-lost",
        who: "network",
      },
      {
        what: "TCP to the HTTP port is dropped",
        firmware: "uefi",
        site: {
          mode: "proxy",
          loaders: "modern",
          extend: async (network) => {
            await addFirewall(network, { incoming: ["tcp dport 8080 drop"] });
            return {};
          },
        },
        screen: null,
        code: "http-blocked",
        cause: "192.168.77.1:8080",
        who: "network",
      },
    ]);
  },
);
