/**
 * `npm run pictures [FOLDER]`: the dashboard over a made-up site. Without a folder, the three pictures of the
 * README; with one, every page at 390, 1280 and 2560 pixels in both themes, and one picture for each of ten
 * prepared faults, to be looked at.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Page, PageScreenshotOptions } from "playwright-core";
import { buildDashboard, openBrowser } from "../support/browser.ts";
import { type Beat, say, storyAddress, storyMac } from "../support/boot-story.ts";
import { addressed, initramfs, loaded, scripted, twiceInVain } from "../support/failing-boots.ts";
import { inOneStep, lease } from "../support/admin-site.ts";
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
  generation: { id: "000008", createdAt: new Date(Date.now() - 86_400_000).toISOString() },
  disk: { folder: "/var/lib/eim-pxe", freeBytes: 41e9, totalBytes: 60e9 },
} as const;

function manifest(daysAgo: number) {
  const file = { sha256: "", etag: null, lastModified: null };
  return {
    version: 1,
    origin: shown.origin.url,
    createdAt: new Date(Date.now() - daysAgo * 86_400_000).toISOString(),
    files: [
      { ...file, name: "vmlinuz-x86_64", size: 12_400_000 },
      { ...file, name: "initramfs-x86_64", size: 391_000_000 + daysAgo * 70_000 },
    ],
  } as const;
}

const leases = ["press-1", "press-2", "press-3"].map((hostname, index) => ({
  ...lease,
  address: `192.168.78.${100 + index}`,
  network: "192.168.78.0/24",
  mac: macOf(index),
  hostname,
  startedAtMs: Date.now() - 600_000,
  expiresAtMs: Date.now() + (index + 3) * 600_000,
}));

/** The list of machines in wall mode. */
const wall = "/";

async function open(made: MadeUpSite): Promise<string> {
  return made.open(`${process.cwd()}/dist/dashboard`, {
    site: () => Promise.resolve(shown),
    readiness: () => ({ ready: true, reasons: [], unserved: [] }),
    generations: {
      current: () => ({ id: "000008" }),
      list: () => [
        { id: "000008", manifest: manifest(1) },
        { id: "000007", manifest: manifest(9) },
      ],
    },
    leases: {
      at: () => null,
      page: (after) => inOneStep(after === null ? leases : []),
      pools: () =>
        inOneStep([
          {
            interface: "eth2",
            network: "192.168.78.0/24",
            addresses: 100,
            leased: leases.length,
            quarantined: 1,
            free: 96,
          },
        ]),
      release: () => Promise.resolve(null),
      import: () => Promise.resolve({ imported: 0, skipped: [] }),
    },
  });
}

async function show(page: Page, url: string, route: string): Promise<void> {
  await page.goto(`${url}/#/${route}`);
  await page.evaluate(`localStorage.setItem("eim-pxe.wall", "${route === wall ? "yes" : "no"}")`);
  await page.reload();
  await page.getByText("This server is ready").waitFor();
  // What is not there at once comes with the next answer.
  await page.waitForLoadState("load");
  await page.waitForTimeout(1500);
}

/** A site of its own for each picture: else boots of the one before would stand still by now. */
async function shoot(page: Page, route: string, how: PageScreenshotOptions): Promise<void> {
  const made = siteOf(room);
  await show(page, await open(made), route);
  await page.screenshot(how);
  await made.close();
}

buildDashboard();
const folder = process.argv[2] ?? null;
const browser = await openBrowser();
const routes = [
  ["machines", ""],
  ["machine", `machine/${macOf(4)}`],
  ["site", "site"],
  ["addresses", "addresses"],
  ["wall", wall],
] as const;
if (folder === null) {
  const page = await browser.newPage({
    viewport: { width: 1280, height: 800 },
    colorScheme: "light",
  });
  for (const [name, route] of routes.slice(0, 3)) {
    await shoot(page, route, { path: `docs/pictures/dashboard-${name}.png` });
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
        const path = join(folder, `${name}-${width}-${colorScheme}.png`);
        await shoot(page, route, { path, fullPage: width === 390 });
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
