import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError, errnoOf, messageOf } from "../lib/errors.ts";
import { applyOverrides, type Override, readEnvironment } from "./environment.ts";
import { ruleFaults } from "./rules.ts";
import { type Config, configSchema, isOwnScript } from "./schema.ts";
import { checkValue, type Fault } from "./faults.ts";
import { formatFaults, formatPath, readYaml } from "./yaml.ts";

export interface ConfigSource {
  /** The path of the configuration file; null: built-in defaults and the environment only. */
  readonly file: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads, checks and freezes the configuration. Relative paths in it are relative to its file.
 *
 * @throws ConfigError with every problem as `FILE:LINE:COLUMN: message`
 */
export function loadConfig(source: ConfigSource): Config {
  const { file } = source;
  return parseConfig(
    file === null ? "" : readText(file, "configuration"),
    file,
    source.environment,
  );
}

/** Like `loadConfig`, for text that was read already. */
export function parseConfig(
  text: string,
  file: string | null,
  environment: ConfigSource["environment"] = {},
): Config {
  const yaml = readYaml(text, file ?? "built-in defaults");
  const { overrides, problems } = readEnvironment(environment);
  const checked = checkValue(configSchema, applyOverrides(yaml.value ?? {}, overrides));
  const rules = checked.value === null ? [] : ruleFaults(checked.value);
  const faults = [...checked.faults, ...rules];
  const inFile = faults.filter((fault) => overrideOf(overrides, fault) === null);
  problems.push(
    ...formatFaults(yaml, inFile),
    ...faults.flatMap((fault) => variableProblem(overrides, fault)),
  );
  if (problems.length > 0 || checked.value === null) throw new ConfigError(problems);
  return deepFreeze(withAbsolutePaths(checked.value, file === null ? "." : dirname(file)));
}

/**
 * The text of a file that the configuration names.
 *
 * @throws ConfigError when it cannot be read
 */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new ConfigError([`${file}:1:1: the ${what} file cannot be read: ${whyUnread(error)}`]);
  }
}

function whyUnread(error: unknown): string {
  switch (errnoOf(error)) {
    case "ENOENT":
      return "there is no such file";
    case "EACCES":
      return "this user may not read it";
    case "EISDIR":
      return "it is a folder; name the file in it";
    default:
      return messageOf(error);
  }
}

/** The environment variable that a faulty value came from. */
function overrideOf(overrides: readonly Override[], { path, key }: Fault): Override | null {
  const place = key === undefined ? path : [...path, key];
  const covers = ({ path: whole }: Override) => whole.every((step, at) => place[at] === step);
  return overrides.find(covers) ?? null;
}

/** A fault of a value that came from the environment is reported by its variable, not by a line of the file. */
function variableProblem(overrides: readonly Override[], fault: Fault): string[] {
  const from = overrideOf(overrides, fault);
  if (from === null) return [];
  return [`environment variable ${from.variable}: ${formatPath(fault.path)}: ${fault.message}`];
}

function withAbsoluteFiles<T extends { readonly certFile: string; readonly keyFile: string }>(
  tls: T | null,
  absolute: (path: string) => string,
): T | null {
  if (tls === null) return null;
  return { ...tls, certFile: absolute(tls.certFile), keyFile: absolute(tls.keyFile) };
}

function withAbsoluteOtlp(
  otlp: Config["telemetry"]["otlp"],
  maybe: (path: string | null) => string | null,
): Config["telemetry"]["otlp"] {
  if (otlp === null) return null;
  return { ...otlp, headersFile: maybe(otlp.headersFile), caFile: maybe(otlp.caFile) };
}

/** Whether a key that takes a path or a URL has a URL. */
function isWebUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}

function withAbsolutePaths(config: Config, base: string): Config {
  const absolute = (path: string) => resolve(base, path);
  const maybe = (path: string | null) => (path === null ? null : absolute(path));
  const absoluteSource = (source: string | null) =>
    source === null || isWebUrl(source) ? source : absolute(source);
  return {
    ...config,
    dataDir: absolute(config.dataDir),
    assets: { ...config.assets, directory: maybe(config.assets.directory) },
    boot: {
      ...config.boot,
      script: isOwnScript(config.boot) ? absolute(config.boot.script) : config.boot.script,
    },
    admin: {
      ...config.admin,
      tokenFile: maybe(config.admin.tokenFile),
      readTokenFile: maybe(config.admin.readTokenFile),
      tls: withAbsoluteFiles(config.admin.tls, absolute),
    },
    iso: config.iso === null ? null : { ...config.iso, source: absoluteSource(config.iso.source) },
    artifacts: {
      ...config.artifacts,
      ca: { ...config.artifacts.ca, file: maybe(config.artifacts.ca.file) },
      loaderDirs: config.artifacts.loaderDirs.map(absolute),
    },
    notify: {
      ...config.notify,
      webhooks: config.notify.webhooks.map(({ secretFile, caFile, ...webhook }) => ({
        ...webhook,
        secretFile: maybe(secretFile),
        caFile: maybe(caFile),
      })),
    },
    telemetry: { otlp: withAbsoluteOtlp(config.telemetry.otlp, maybe) },
    http: { ...config.http, tls: withAbsoluteFiles(config.http.tls, absolute) },
    leases: { store: withAbsoluteUrlFile(config.leases.store, absolute) },
    leader: {
      ...config.leader,
      kubeconfig: maybe(config.leader.kubeconfig),
      journalDir: maybe(config.leader.journalDir),
    },
    nodes: {
      ...config.nodes,
      file: maybe(config.nodes.file),
      kubernetes: withAbsoluteKubeconfig(config.nodes.kubernetes, absolute),
      orchestrator: withAbsoluteSecrets(config.nodes.orchestrator, maybe),
    },
  };
}

function withAbsoluteUrlFile(
  store: Config["leases"]["store"],
  absolute: (path: string) => string,
): Config["leases"]["store"] {
  return store === "journal" ? store : { postgres: { urlFile: absolute(store.postgres.urlFile) } };
}

function withAbsoluteKubeconfig(
  kubernetes: Config["nodes"]["kubernetes"],
  absolute: (path: string) => string,
): Config["nodes"]["kubernetes"] {
  if (kubernetes === null || kubernetes.kubeconfig === null) return kubernetes;
  return { ...kubernetes, kubeconfig: absolute(kubernetes.kubeconfig) };
}

function withAbsoluteSecrets(
  orchestrator: Config["nodes"]["orchestrator"],
  maybe: (path: string | null) => string | null,
): Config["nodes"]["orchestrator"] {
  if (orchestrator === null) return null;
  return {
    ...orchestrator,
    clientSecretFile: maybe(orchestrator.clientSecretFile),
    usernameFile: maybe(orchestrator.usernameFile),
    passwordFile: maybe(orchestrator.passwordFile),
    caFile: maybe(orchestrator.caFile),
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !ArrayBuffer.isView(value)) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
