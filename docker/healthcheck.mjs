// The image's health check: healthy when a machine could boot now. Prints what /readyz says, for
// `docker inspect`. It does not read the configuration file, so another admin port is set by environment.
const listen = process.env["EIM_PXE_ADMIN__LISTEN"] ?? "127.0.0.1:8081";
const response = await fetch(`http://${listen}/readyz`);
process.stdout.write(await response.text());
process.exit(response.ok ? 0 : 1);
