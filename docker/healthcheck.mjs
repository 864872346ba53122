// The image's health check: healthy when a machine could boot now. Prints what /readyz says, for
// `docker inspect`. The server leaves the address of its admin port in the data folder.
import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { get as getByTls } from "node:https";

const folder = process.env["EIM_PXE_DATA_DIR"] ?? "/var/lib/eim-pxe";
const listen = process.env["EIM_PXE_ADMIN__LISTEN"] ?? "127.0.0.1:8081";

async function adminUrl() {
  try {
    return JSON.parse(await readFile(`${folder}/running.json`, "utf8")).admin;
  } catch {
    // Not started yet, or the data folder is another one: where it is by default, or by environment.
    return `http://${listen}`;
  }
}

const url = `${await adminUrl()}/readyz`;
const ask = url.startsWith("https:") ? getByTls : get;
// Nothing secret is sent, and the answer comes from this container: any certificate will do.
ask(url, { rejectUnauthorized: false }, (response) => {
  response.pipe(process.stdout);
  response.once("end", () => process.exit(response.statusCode === 200 ? 0 : 1));
}).once("error", (error) => {
  process.stdout.write(error.message);
  process.exit(1);
});
