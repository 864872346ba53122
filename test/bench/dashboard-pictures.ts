/**
 * `npm run pictures [FOLDER]`: the dashboard over a made-up site. Without a folder, the three pictures of the
 * README; with one, every page at 390, 1280 and 2560 pixels in both themes, and one picture for each of ten
 * prepared faults, to be looked at.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { buildDashboard, openBrowser } from "../support/browser.ts";
import { type Beat, say, storyAddress, storyMac } from "../support/boot-story.ts";
import { addressed, initramfs, loaded, scripted, twiceInVain } from "../support/failing-boots.ts";
import { nodeEntry } from "../support/node-entry.ts";
import { MadeUpSite } from "../support/made-up-site.ts";
import { preparedFaults } from "../support/prepared-faults.ts";

interface Told {
  readonly name: string | null;
  readonly vendor: string;
  readonly model: string;
  readonly beats: readonly Beat[];
  readonly endedSecondsAgo: number;
}

const whole: readonly Beat[] = [
  ...loaded.slice(0, -1),
  [9, say.loaderDone()],
  ...later(scripted, 11),
  ...later(
    [
      [0, say.kernel()],
      [2, say.kernelDone()],
      [3, say.initramfs()],
      [14, say.initramfsDone()],
      [22, { event: "micro-os", mac: storyMac, address: storyAddress, evidence: "beacon" }],
    ],
    14,
  ),
];

function later(beats: readonly Beat[], seconds: number): readonly Beat[] {
  return beats.map(([at, event]) => [at + seconds, event] as const);
}

const room: readonly Told[] = [
  {
    name: "press-1",
    vendor: "Dell Inc.",
    model: "PowerEdge XR12",
    beats: whole,
    endedSecondsAgo: 400,
  },
  {
    name: "press-2",
    vendor: "Dell Inc.",
    model: "PowerEdge XR12",
    beats: whole,
    endedSecondsAgo: 380,
  },
  {
    name: "press-3",
    vendor: "Supermicro",
    model: "SYS-E300",
    beats: initramfs,
    endedSecondsAgo: 2,
  },
  { name: "press-4", vendor: "Supermicro", model: "SYS-E300", beats: loaded, endedSecondsAgo: 3 },
  {
    name: "welding-1",
    vendor: "HPE",
    model: "ProLiant DL20",
    beats: addressed,
    endedSecondsAgo: 300,
  },
  {
    name: "welding-2",
    vendor: "HPE",
    model: "ProLiant DL20",
    beats: twiceInVain,
    endedSecondsAgo: 300,
  },
  { name: null, vendor: "ASUSTeK", model: "NUC14", beats: scripted, endedSecondsAgo: 1 },
  {
    name: "gate-camera",
    vendor: "LENOVO",
    model: "ThinkEdge SE30",
    beats: whole,
    endedSecondsAgo: 90,
  },
];

function macOf(index: number): string {
  return `52:54:00:7a:10:${(index + 1).toString(16).padStart(2, "0")}`;
}

function siteOf(machines: readonly Told[]): MadeUpSite {
  const made = new MadeUpSite();
  for (const [index, { name, vendor, model, beats, endedSecondsAgo }] of machines.entries()) {
    const mac = macOf(index);
    const address = `192.168.77.${100 + index}`;
    made.tell(mac, address, beats, endedSecondsAgo);
    made.sessions.describe({ mac, address }, { vendor, model });
    if (name !== null) made.site.entries.push(nodeEntry({ mac, name }));
  }
  return made;
}

/** What the site's page shows. */
const shown = {
  links: [
    { interface: "eth1", address: "192.168.77.1", mode: "proxy", served: true, reason: null },
    {
      interface: "eth2",
      address: null,
      mode: "full",
      served: false,
      reason: "eth2 has no carrier: plug in its cable",
    },
  ],
  leader: null,
  otherServers: [
    {
      interface: "eth1",
      server: "192.168.77.2",
      givesAddresses: true,
      answersPxe: false,
      lastHeardAt: new Date(Date.now() - 70_000).toISOString(),
    },
  ],
  origin: {
    url: "https://tinkerbell-haproxy.example.com/tink-stack",
    state: "reached",
    lastSyncAt: new Date(Date.now() - 140_000).toISOString(),
    failure: null,
    certificateExpiresAt: new Date(Date.now() + 200 * 86_400_000).toISOString(),
    progress: null,
  },
  generation: { id: "g2", createdAt: new Date(Date.now() - 86_400_000).toISOString() },
  disk: { folder: "/var/lib/eim-pxe", freeBytes: 41e9, totalBytes: 60e9 },
} as const;

async function open(made: MadeUpSite): Promise<string> {
  return made.open(`${process.cwd()}/dist/dashboard`, {
    site: () => Promise.resolve(shown),
    readiness: () => ({ ready: true, reasons: [], unserved: [] }),
  });
}

async function show(page: Page, url: string, route: string): Promise<void> {
  await page.goto(`${url}/#/${route}`);
  await page.reload();
  await page.getByText("A machine could boot now.").waitFor();
  // What is not there at once comes with the next answer.
  await page.waitForLoadState("load");
  await page.waitForTimeout(1500);
}

buildDashboard();
const folder = process.argv[2] ?? null;
const browser = await openBrowser();
const made = siteOf(room);
const url = await open(made);
const routes = [
  ["machines", ""],
  ["machine", `machine/${macOf(4)}`],
  ["site", "site"],
  ["addresses", "addresses"],
] as const;
if (folder === null) {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
  });
  for (const [name, route] of routes.slice(0, 3)) {
    await show(page, url, route);
    await page.screenshot({ path: `docs/pictures/dashboard-${name}.png` });
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    for (const [width, height] of [
      [390, 844],
      [1280, 800],
      [2560, 1440],
    ] as const) {
      const page = await browser.newPage({ viewport: { width, height }, colorScheme });
      for (const [name, route] of routes) {
        await show(page, url, route);
        const path = join(folder, `${name}-${width}-${colorScheme}.png`);
        await page.screenshot({ path, fullPage: width === 390 });
      }
      await page.close();
    }
  }
  for (const { name, beats, unknownNodes } of preparedFaults) {
    const told = { name: null, vendor: "Dell Inc.", model: "PowerEdge XR12" };
    const faulty = siteOf([{ ...told, beats, endedSecondsAgo: 600 }]);
    faulty.site.unknownNodes = unknownNodes;
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await show(page, await open(faulty), `machine/${macOf(0)}`);
    await page.screenshot({ path: join(folder, `fault-${name}.png`) });
    await page.close();
    await faulty.close();
  }
}
await browser.close();
await made.close();
