import { check } from "../check.ts";
import {
  type AssetState,
  type LoaderState,
  lookAtAssets,
  lookAtLoaders,
  lookAtMirror,
  lookAtServer,
  type MirrorState,
  type ServerState,
} from "../evidence/provisions.ts";
import type { DoctorSite } from "../site.ts";

/* Checks of what machines are given, and of the server that gives it. */

export const loaderCheck = check<DoctorSite, LoaderState>({
  id: "loaders",
  quick: true,
  look: lookAtLoaders,
  faults: [
    {
      code: "loader-for-others",
      cause: "{name} ({path}), which {machine} machines get, is not for them: {reason}",
      remedy: "name another loader under boot.loaders, or put the right file there",
      who: "site",
      status: "fail",
      when: ({ misfit, name, path, machine }) =>
        misfit === null ? null : { name, path: path ?? "", machine, reason: misfit },
    },
    {
      code: "loader-not-served",
      cause: "{path}, which {machine} machines get, is there and is not served: {why}",
      remedy:
        "put the file itself into the folder, or name the folder that it is in under artifacts.loaderDirs",
      who: "site",
      status: "fail",
      when: ({ path, passedOver, machine }) =>
        path === null && passedOver !== null ? { ...passedOver, machine } : null,
    },
    {
      code: "loader-not-mirrored",
      cause: "{name}, the only loader of boot.path orchestrator, is not in the mirror yet",
      remedy: "fetch it with: eim-pxe sync",
      who: "site",
      status: "warn",
      when: ({ path, isMirrored, name }) => (path === null && isMirrored ? { name } : null),
    },
    {
      code: "loader-missing",
      cause: "{name}, the loader of {machine} machines, was not found in {folders}",
      remedy: "install one (apt-get install ipxe), or set artifacts.loaderDirs or boot.loaders",
      who: "site",
      status: "fail",
      when: ({ path, isAlone, architecture, ...about }) =>
        path === null && (isAlone || architecture !== 0) ? aboutLoader(about) : null,
    },
    {
      code: "bios-loader-missing",
      cause: "{name}, the loader of {machine} machines, was not found in {folders}",
      remedy:
        "where such machines are on the link, install it (apt-get install ipxe), or set artifacts.loaderDirs",
      who: "site",
      status: "warn",
      when: ({ path, ...about }) => (path === null ? aboutLoader(about) : null),
    },
  ],
  fine: ({ machine, path }) => `${machine} machines get ${path ?? ""}`,
});

function aboutLoader({
  name,
  machine,
  folders,
}: Pick<LoaderState, "name" | "machine" | "folders">) {
  return { name, machine, folders };
}

export const assetCheck = check<DoctorSite, AssetState>({
  id: "assets",
  quick: true,
  look: lookAtAssets,
  faults: [
    {
      code: "assets-unread",
      cause: "nothing of assets.directory ({directory}) can be handed out: {problem}",
      remedy:
        "make the folder, or correct assets.directory; the user that runs eim-pxe must be able to read it",
      who: "site",
      status: "fail",
      when: ({ directory, problem }) => (problem === null ? null : { directory, problem }),
    },
  ],
  fine: ({ directory }) => `${directory} can be read`,
});

export const mirrorCheck = check<DoctorSite, MirrorState>({
  id: "micro-os",
  quick: false,
  look: lookAtMirror,
  faults: [
    {
      code: "mirror-not-filled",
      cause: "there is no Micro-OS in the mirror yet",
      remedy: "fetch it with: eim-pxe sync",
      who: "site",
      status: "warn",
      when: ({ generation, isNeeded, origin }) =>
        generation === null && isNeeded && origin !== null ? {} : null,
    },
    {
      code: "mirror-without-source",
      cause: "there is no Micro-OS in the mirror, and no artifacts.origin to fetch it from",
      remedy: "set artifacts.origin, or bring a set with: eim-pxe artifacts import PATH",
      who: "site",
      status: "fail",
      when: ({ generation, isNeeded }) => (generation === null && isNeeded ? {} : null),
    },
  ],
  fine: ({ generation }) =>
    generation === null
      ? "none is served from here"
      : `generation ${generation.id} of ${generation.manifest.createdAt}`,
});

export const serverCheck = check<DoctorSite, ServerState>({
  id: "server",
  quick: false,
  look: lookAtServer,
  faults: [
    {
      code: "server-silent",
      cause: "the eim-pxe of {dataDir} (process {pid}) does not answer at {admin}",
      remedy: "look at its log (journalctl -u eim-pxe), and start it again",
      who: "site",
      status: "fail",
      when: ({ pid, answers, dataDir, admin }) =>
        pid !== null && !answers ? { pid, dataDir, admin } : null,
    },
    {
      code: "server-not-ready",
      cause: "the eim-pxe that runs (process {pid}) says that no machine could boot: {reasons}",
      remedy: "do what it says; curl {admin}/readyz shows whether it helped",
      who: "site",
      status: "fail",
      when: ({ pid, reasons, admin }) =>
        pid === null || reasons.length === 0 ? null : { pid, reasons: reasons.join("; "), admin },
    },
  ],
  fine: ({ pid, admin, dataDir }) =>
    pid === null
      ? `no eim-pxe runs on ${dataDir} now; start it with: eim-pxe serve`
      : `eim-pxe runs (process ${pid}, ${admin}) and a machine could boot`,
});
