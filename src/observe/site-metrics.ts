import { Gauge, type Registry } from "prom-client";

/** How full something with a limit is. */
export interface Filling {
  readonly open: number;
  readonly limit: number;
}

/** What the metrics of the site are made of; each is asked at a scrape, and nothing is asked between. */
export interface SiteFigures {
  readonly version: string;
  /** Machines by the status of their last boot. */
  readonly machines: () => Promise<Readonly<Record<string, number>>>;
  /** The generation that is served; null: none. */
  readonly generation: () => { readonly createdAtMs: number; readonly bytes: number } | null;
  readonly generations: () => number;
  /** When the mirror was last found or brought up to date; null: not since the start. */
  readonly lastSyncAtMs: () => number | null;
  /** Null: it cannot be read. */
  readonly disk: () => Promise<{ readonly freeBytes: number; readonly totalBytes: number } | null>;
  /** Connections to the boot port, TFTP transfers. */
  readonly http: () => Filling;
  /** Null where TFTP is switched off. */
  readonly tftp: () => Filling | null;
}

/** Adds what is known of the site as it is now. */
export function addSiteMetrics(registry: Registry, figures: SiteFigures): void {
  const gauge = (
    name: string,
    help: string,
    collect: (this: Gauge) => void | Promise<void>,
  ): void => registry.registerMetric(new Gauge({ name, help, registers: [], collect }));

  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_build_info",
      help: "1, with the version of eim-pxe",
      labelNames: ["version"] as const,
      registers: [],
      collect() {
        this.set({ version: figures.version }, 1);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: "eim_pxe_machines",
      help: "Machines by the status of their last boot: booting, up, stalled, denied, local (sent on to the disk)",
      labelNames: ["status"] as const,
      registers: [],
      async collect() {
        for (const [status, count] of Object.entries(await figures.machines())) {
          this.set({ status }, count);
        }
      },
    }),
  );
  gauge(
    "eim_pxe_mirror_generation_timestamp_seconds",
    "When the generation that is served was complete; absent while there is none",
    function () {
      const generation = figures.generation();
      if (generation === null) this.remove();
      else this.set(generation.createdAtMs / 1000);
    },
  );
  gauge(
    "eim_pxe_mirror_generation_bytes",
    "Size of the files of the generation that is served; 0 while there is none",
    function () {
      this.set(figures.generation()?.bytes ?? 0);
    },
  );
  gauge(
    "eim_pxe_mirror_last_sync_timestamp_seconds",
    "When the mirror was last found or brought up to date; absent until then",
    function () {
      const atMs = figures.lastSyncAtMs();
      if (atMs === null) this.remove();
      else this.set(atMs / 1000);
    },
  );
  gauge("eim_pxe_mirror_generations", "Generations on disk", function () {
    this.set(figures.generations());
  });
  gauge(
    "eim_pxe_data_folder_free_bytes",
    "What is free on the disk of dataDir; absent while that cannot be read",
    async function () {
      const disk = await figures.disk();
      if (disk === null) this.remove();
      else this.set(disk.freeBytes);
    },
  );
  gauge(
    "eim_pxe_http_connections_limit",
    "How many connections to the boot port may be open at the same time; eim_pxe_http_connections has how many are",
    function () {
      this.set(figures.http().limit);
    },
  );
  gauge("eim_pxe_tftp_transfers_open", "TFTP transfers that run", function () {
    this.set(figures.tftp()?.open ?? 0);
  });
  gauge(
    "eim_pxe_tftp_transfers_limit",
    "How many TFTP transfers may run at the same time; 0 where TFTP is switched off",
    function () {
      this.set(figures.tftp()?.limit ?? 0);
    },
  );
}
