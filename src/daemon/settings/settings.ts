import { X509Certificate } from "node:crypto";
import { statSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { certificatesIn } from "../../artifacts/verify/verify.ts";
import { requireScript } from "../../boot/script/orchestrator-script.ts";
import { loadConfig, readText } from "../../config/load.ts";
import { type Config, isOwnScript } from "../../config/schema.ts";
import { fromText } from "../../lib/bytes.ts";
import { ConfigError, errnoOf, messageOf, SyncError } from "../../lib/errors.ts";
import { type Inventory, InventoryBuilder } from "../../nodes/inventory.ts";
import { urlFileOf, urlIn } from "../database/url.ts";
import { checkOrchestratorFiles } from "../orchestrator/host-api.ts";
import { type CollectorSettings, readCollector } from "./collector-files.ts";
import type { Environment } from "./environment.ts";
import { nodesFileOf, readNodes } from "./nodes-file.ts";
import { readServerCertificate, type ServerCertificate } from "./tls-files.ts";
import { readWebhooks, type WebhookSettings } from "./webhook-files.ts";

/** Where the configuration is looked for when no `--config` says otherwise. */
export const defaultConfigFile = "/etc/eim-pxe/eim-pxe.yaml";

/** Everything that the configuration names and that is read once, at the start. */
export interface Settings {
  readonly config: Config;
  /** Given on the command line, so that texts which name a command have to name it; null: the default one. */
  readonly configFile: string | null;
  readonly inventory: Inventory;
  /** The CA of `artifacts.ca.file` as PEM text. */
  readonly ca: string | null;
  /** Of `http.tls`; null: no TLS. */
  readonly bootCertificate: ServerCertificate | null;
  /** Of `admin.tls`; null: no TLS. */
  readonly adminCertificate: ServerCertificate | null;
  readonly adminToken: string | null;
  /** May only read. */
  readonly adminReadToken: string | null;
  readonly webhooks: readonly WebhookSettings[];
  /** Who collects the traces of boots; null: nobody. */
  readonly collector: CollectorSettings | null;
}

/**
 * Reads the configuration and the files that it names.
 *
 * @param file the path given on the command line, or null for the default one
 * @throws ConfigError with every problem on a line of its own
 */
export function loadSettings(file: string | null, environment: Environment): Settings {
  const config = loadConfiguration(file, environment);
  return { config, configFile: file, ...readNamedFiles(config) };
}

/** The configuration alone, for commands that need none of the files that it names. */
export function loadConfiguration(file: string | null, environment: Environment): Config {
  return loadConfig({ file: configurationFile(file), environment });
}

/** The keys in which two configurations differ, as paths: `tftp.port`. */
export function changedKeys(former: unknown, now: unknown, path = ""): readonly string[] {
  if (isDeepStrictEqual(former, now)) return [];
  if (!isMap(former) || !isMap(now)) return [path];
  return Object.keys({ ...former, ...now }).flatMap((key) =>
    changedKeys(former[key], now[key], path === "" ? key : `${path}.${key}`),
  );
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The configuration file that is read: the one given, or the default one where there is one; null: none. */
export function configurationFile(file: string | null): string | null {
  return file ?? (isThere(defaultConfigFile) ? defaultConfigFile : null);
}

/** One that may not be read is there, too: it must not be passed over in silence. */
export function isThere(file: string): boolean {
  try {
    statSync(file);
    return true;
  } catch (error) {
    return !["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "");
  }
}

function readNamedFiles(config: Config): Omit<Settings, "config" | "configFile"> {
  const problems: string[] = [];
  const attempt = <T>(read: () => T): T | null => {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return null;
    }
  };
  const inventory = attempt(() => loadInventory(config));
  const ca = attempt(() => readCa(config.artifacts.ca.file));
  const { tls } = config.http;
  const bootCertificate = attempt(() => (tls === null ? null : readServerCertificate(tls)));
  attempt(() => checkTemplate(config));
  attempt(() => checkIso(config));
  const { orchestrator } = config.nodes;
  attempt(() => (orchestrator === null ? null : checkOrchestratorFiles(orchestrator)));
  const { tokenFile, readTokenFile, tls: adminTls } = config.admin;
  const adminCertificate = attempt(() =>
    adminTls === null ? null : readServerCertificate(adminTls, "admin.tls"),
  );
  const adminToken = attempt(() => readToken(tokenFile));
  const adminReadToken = attempt(() => readToken(readTokenFile));
  if (adminReadToken !== null && adminReadToken === adminToken) {
    problems.push(
      `${readTokenFile}:1:1: holds the token of admin.tokenFile, which may change everything; make another one with: openssl rand -hex 32`,
    );
  }
  const urlFile = urlFileOf(config);
  attempt(() => (urlFile === null ? null : urlIn(readText(urlFile, "database URL"), urlFile)));
  const collector = attempt(() => readCollector(config));
  const webhooks = attempt(() => readWebhooks(config));
  if (problems.length > 0 || inventory === null || webhooks === null) {
    throw new ConfigError(problems);
  }
  return {
    inventory,
    ca,
    bootCertificate,
    adminCertificate,
    adminToken,
    adminReadToken,
    webhooks,
    collector,
  };
}

/** @throws ConfigError when the nodes file cannot be read or is not right */
export function loadInventory(config: Config): Inventory {
  const source = nodesFileOf(config);
  const inventory = new InventoryBuilder();
  const parts = source === null ? [] : readNodes(source.file, source.format);
  for (const entries of parts) inventory.add(entries);
  return inventory.done();
}

function readCa(file: string | null): string | null {
  if (file === null) return null;
  const text = readText(file, "CA");
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new ConfigError([
      `${file}:1:1: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); fetch the orchestrator's Full_server.crt`,
    ]);
  }
  try {
    for (const one of certificatesIn(fromText(text))) void new X509Certificate(one).subject;
    return text;
  } catch (error) {
    throw new ConfigError([
      `${file}:1:1: holds a certificate that cannot be read (${messageOf(error)}); fetch the orchestrator's Full_server.crt`,
    ]);
  }
}

/** What machines are given is read when they ask; that it is there and right is seen at the start. */
function checkTemplate({ boot: { path, ...boot } }: Config): null {
  if (path === "orchestrator" || !isOwnScript(boot)) return null;
  const { script } = boot;
  try {
    requireScript(readText(script, "boot.script"), script);
  } catch (error) {
    if (error instanceof SyncError) throw new ConfigError([`${script}:1:1: ${error.message}`]);
    throw error;
  }
  return null;
}

/** An image is read when a BMC asks; that it is there is seen at the start. */
function checkIso({ iso }: Config): null {
  const source = iso?.source ?? null;
  if (source === null || /^https?:\/\//.test(source)) return null;
  const stats = statSync(source, { throwIfNoEntry: false });
  if (stats?.isFile() === true) return null;
  throw new ConfigError([
    `${source}: is no file: iso.source names the image that BMCs are given, by its path or URL`,
  ]);
}

function readToken(file: string | null): string | null {
  if (file === null) return null;
  const token = readText(file, "token").trim();
  if (/^[!-~]{16,}$/.test(token)) return token;
  throw new ConfigError([
    `${file}:1:1: the token must be one word of at least 16 characters; make one with: openssl rand -hex 32`,
  ]);
}
