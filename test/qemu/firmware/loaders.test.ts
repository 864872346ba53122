import { describe } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { debianTools } from "../debian.ts";
import { describeFailures } from "../failing.ts";
import { labTools } from "../site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

describe.skipIf(skipped !== null)(
  `a boot that ends at its loader${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    describeFailures([
      {
        what: "the machine is denied",
        firmware: "uefi",
        site: {
          mode: "proxy",
          extend: async () => ({ settings: { nodes: { unknown: "deny" } } }),
        },
        screen: null,
        code: "machine-denied",
      },
      {
        what: "its loader is not there",
        firmware: "uefi",
        site: {
          mode: "proxy",
          nodes: [{ mac: "52:54:00:77:00:01", loader: "not-there.efi" }],
        },
        screen: /PXE-E23/,
        code: "file-missing",
        cause: "not-there.efi is missing",
        who: "site",
      },
      {
        what: "Secure Boot refuses its loader",
        firmware: "uefi-secure",
        site: { mode: "proxy", loaders: "modern" },
        screen: /Access Denied|Security Violation|No bootable option/,
        powerOns: 3,
        code: "loader-refused",
        who: "site",
      },
    ]);
  },
);
