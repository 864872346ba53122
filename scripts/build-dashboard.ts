/**
 * `npm run dashboard`: bundles src/dashboard into dist/dashboard, with names that change with the content
 * and compressed forms beside the files. `npm run build` and `npm run demo` run it, too; it takes a second.
 */
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { dashboardPackages } from "./shipped-packages.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const source = join(root, "src/dashboard");
const target = join(root, "dist/dashboard");

const { outputFiles } = await build({
  entryPoints: [join(source, "main.tsx")],
  outdir: target,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  tsconfig: join(source, "tsconfig.json"),
  legalComments: "eof",
  write: false,
});

/** The page's own; what it fetches later has other names. */
const nameOf = (extension: string): string => {
  const names = outputFiles.map(({ path }) => basename(path));
  return names.find((name) => name.startsWith("main-") && name.endsWith(extension)) ?? "";
};
const page = (await readFile(join(source, "index.html"), "utf8"))
  .replace("main.js", nameOf(".js"))
  .replace("main.css", nameOf(".css"));

await rm(target, { recursive: true, force: true });
await keep("index.html", Buffer.from(page));
await keep("assets/icon.svg", await readFile(join(source, "icon.svg")));
// Their licences ask for their texts wherever they go.
const licences = dashboardPackages.map(
  async (name) =>
    `${name}\n\n${await readFile(join(root, "node_modules", name, "LICENSE"), "utf8")}`,
);
await keep("assets/licences.txt", Buffer.from((await Promise.all(licences)).join("\n\n")));
for (const { path, contents } of outputFiles) await keep(`assets/${basename(path)}`, contents);

/** Writes a file and its compressed forms. */
async function keep(name: string, bytes: Uint8Array): Promise<void> {
  const path = join(target, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  await writeFile(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  await writeFile(`${path}.br`, brotliCompressSync(bytes, { params: quality }));
}
