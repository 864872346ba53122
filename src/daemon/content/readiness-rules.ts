import type { Rule } from "../../lib/finding.ts";

/** What a boot needs of the mirror, the loaders and the boot port, and what of it is there. */
export interface Provisions {
  /** Machines fetch the Micro-OS from here, and there is none. */
  readonly lacksMicroOs: boolean;
  /** Machines get one from here, and there is none. */
  readonly lacksLoader: boolean;
  /** A file with a loader's name that is not served; null: there is none. */
  readonly passedOver: { readonly path: string; readonly why: string } | null;
  /** Where the mirror fetches from; null: nowhere. */
  readonly origin: string | null;
  /** The only loader that machines get; null: those of the table. */
  readonly onlyLoader: string | null;
  readonly loaderDirs: readonly string[];
  /** How many HTTP connections there are, where that is too few now; else null. */
  readonly usedUpConnections: number | null;
  /** The generation that has no signatures, where nothing starts without; null: there are some, or none are needed. */
  readonly unsigned: string | null;
}

/** Why no machine could boot now, as far as it is about what machines are given. */
export const readinessRules: readonly Rule<Provisions>[] = [
  {
    code: "no-micro-os",
    cause: "there is no Micro-OS to serve and artifacts.origin is not set",
    remedy:
      "name the orchestrator's URL in artifacts.origin, or bring a set with: eim-pxe artifacts import",
    who: "site",
    when: ({ lacksMicroOs, origin }) => (lacksMicroOs && origin === null ? {} : null),
  },
  {
    code: "no-micro-os-yet",
    cause:
      "there is no Micro-OS to serve yet: the first synchronisation with {origin} has not succeeded",
    remedy: "wait for it; if it takes longer than some minutes, run eim-pxe sync, which says why",
    who: "site",
    when: ({ lacksMicroOs, origin }) => (lacksMicroOs && origin !== null ? { origin } : null),
  },
  {
    code: "no-signed-loader",
    cause: "{loader} was not found in {folders} and artifacts.origin is not set",
    remedy: "name the orchestrator's URL in artifacts.origin",
    who: "site",
    when: ({ lacksLoader, onlyLoader, origin, loaderDirs }) =>
      lacksLoader && onlyLoader !== null && origin === null
        ? { loader: onlyLoader, folders: loaderDirs.join(", ") }
        : null,
  },
  {
    code: "no-signed-loader-yet",
    cause: "{loader} is not here yet: the first synchronisation with {origin} has not succeeded",
    remedy: "wait for it; if it takes longer than some minutes, run eim-pxe sync, which says why",
    who: "site",
    when: ({ lacksLoader, onlyLoader, origin }) =>
      lacksLoader && onlyLoader !== null && origin !== null ? { loader: onlyLoader, origin } : null,
  },
  {
    code: "loader-passed-over",
    cause: "{path} is there and is not served: {why}",
    remedy:
      "put the file itself into the folder, or name the folder that it is in under artifacts.loaderDirs",
    who: "site",
    when: ({ lacksLoader, passedOver }) =>
      lacksLoader && passedOver !== null ? { ...passedOver } : null,
  },
  {
    code: "no-loader",
    cause: "no iPXE loader was found in {folders}",
    remedy: "install one (apt-get install ipxe) or set artifacts.loaderDirs",
    who: "site",
    when: ({ lacksLoader, onlyLoader, loaderDirs }) =>
      lacksLoader && onlyLoader === null ? { folders: loaderDirs.join(", ") } : null,
  },
  {
    code: "no-signatures",
    cause:
      "boot.imgverify is required, and nobody has signed generation {generation}: machines get no script",
    remedy: "run eim-pxe artifacts sign; eim-pxe artifacts pin goes back to a signed generation",
    who: "site",
    when: ({ unsigned }) => (unsigned === null ? null : { generation: unsigned }),
  },
  {
    code: "no-connections",
    cause: "all {connections} HTTP connections are in use, and more machines want one",
    remedy:
      "if so many boot at once, raise the limit of file descriptors (LimitNOFILE in the systemd unit); else look at event http-connections-refused",
    who: "site",
    when: ({ usedUpConnections }) =>
      usedUpConnections === null ? null : { connections: usedUpConnections },
  },
];
