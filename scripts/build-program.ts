/**
 * `npm run build` calls this: bundles the program with the packages that it uses into some twenty files, which start in
 * half the time of five hundred. What `serve` needs, what the demo needs and what all other commands need is apart from
 * one another, so that a server loads nothing that it does not use.
 *   tsx scripts/build-program.ts [FOLDER]        by default: dist
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile, type Plugin } from "esbuild";

const root = fileURLToPath(new URL("../", import.meta.url));
const source = join(root, "src");
const target = process.argv[2] ?? join(root, "dist");

/**
 * What is started or imported by its own name: the bin, what the package exports, and threads. Each group shares code among
 * itself alone: what all shared would be in so many small files that finding them takes a tenth of a start.
 */
const programs = [
  ["cli.ts"],
  ["dhcp/index.ts", "tftp/index.ts"],
  ["daemon/settings/nodes-file.ts", "daemon/settings/nodes-thread.js"],
  ["artifacts/store/hash-thread.js"],
];
const entries = programs.flat();

/** Machine code; what is rarely used and large; what only the sources need. */
const external = ["koffi", "@opentelemetry/*", "tsx"];

const OWN_PLACE = /\bimport\.meta\.url\b/;

/** Modules that ask where they are: in the bundle they are told where they were in `src`, with `FOLDER` for it. */
const placed = new Set<string>();
const ownPlaces: Plugin = {
  name: "own places",
  setup(bundler) {
    bundler.onLoad({ filter: /\.[jt]s$/ }, async ({ path }) => {
      if (!path.startsWith(`${source}/`)) return null;
      const contents = await readFile(path, "utf8");
      const loader = path.endsWith(".ts") ? "ts" : "js";
      const name = relative(source, path);
      // An entry stays where it is.
      if (entries.includes(name) || !OWN_PLACE.test(contents)) return { contents, loader };
      placed.add(relative(root, path));
      const place = JSON.stringify(`./${name.replace(/\.ts$/, ".js")}`);
      const told = contents.replaceAll(
        new RegExp(OWN_PLACE, "g"),
        `new URL(${place}, import.meta.url).href`,
      );
      return { contents: told, loader };
    });
  },
};

/** Commands that are loaded by themselves. All others are one file: each alone would share many small ones with others. */
const alone: readonly string[] = ["serve.ts", "demo.ts"];
const words = join(source, "commands/words");

const otherCommands: Plugin = {
  name: "other commands",
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\.\/.*\.ts$/ }, ({ kind, resolveDir, path }) =>
      kind === "dynamic-import" && resolveDir === words && !alone.includes(basename(path))
        ? { path: "other-commands", namespace: "commands" }
        : null,
    );
    bundler.onLoad({ filter: /.*/, namespace: "commands" }, async () => {
      const files = (await readdir(words)).map((name) => readFile(join(words, name), "utf8"));
      const loaded = /\bimport\("(\.\.\/[^"]+)"\)/g;
      const names = (await Promise.all(files)).flatMap((text) =>
        Array.from(text.matchAll(loaded), ([, name = ""]) => name),
      );
      const wanted = [...new Set(names)].filter((name) => !alone.includes(basename(name)));
      const contents = wanted.map((name) => `export * from ${JSON.stringify(name)};`).join("\n");
      return { contents, resolveDir: words };
    });
  },
};

/**
 * What packages load for something that is not used here: Fastify for JSON schemas and for requests of tests, prom-client for
 * exemplars. Half a megabyte that would be read at each start, and forty files of OpenTelemetry.
 */
const unused =
  /^(?:@fastify\/(?:ajv-compiler|fast-json-stringify-compiler)|light-my-request|@opentelemetry\/api)$/;

const leftOut: Plugin = {
  name: "left out",
  setup(bundler) {
    bundler.onResolve({ filter: unused }, ({ path }) => ({ path, namespace: "left-out" }));
    bundler.onLoad({ filter: /.*/, namespace: "left-out" }, ({ path }) => ({
      contents: `module.exports = { leftOut: ${JSON.stringify(path)} };`,
    }));
  },
};

/** Messages are ours, or English: of zod's fifty languages only that one is taken. */
const oneLanguage: Plugin = {
  name: "one language",
  setup(bundler) {
    bundler.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
  },
};

async function bundle(names: readonly string[]): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: names.map((name) => join(source, name)),
    outbase: source,
    outdir: target,
    chunkNames: "[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node20.19",
    external,
    // Packages of the older kind ask for Node's modules by `require`.
    banner: {
      js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
    },
    sourcemap: "linked",
    sourcesContent: false,
    // Names stay, so that what the heap and the profiler show can be read without the maps.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    plugins: [otherCommands, leftOut, oneLanguage, ownPlaces],
  });
  return metafile;
}

const outputs = (await Promise.all(programs.map(bundle))).flatMap((metafile) =>
  Object.entries(metafile.outputs),
);

// The place that those modules are told is right in the target's own folder only.
for (const [output, { inputs }] of outputs) {
  const moved = Object.keys(inputs).find((name) => placed.has(name));
  if (moved !== undefined && relative(target, dirname(join(root, output))) !== "") {
    throw new Error(`${moved} asks for its own place and was put into ${output}`);
  }
}
