/** The admin port over a made-up site on a free port of loopback, which it prints; for `npm run test:api`. */
import { listen } from "../../src/http/listen.ts";
import { AdminSite } from "../support/admin-site.ts";
import { anyNumber } from "../support/connections.ts";

const app = new AdminSite().app();
const { port } = await listen(app, { host: "127.0.0.1", port: 0 }, anyNumber());
process.stdout.write(`${port}\n`);
