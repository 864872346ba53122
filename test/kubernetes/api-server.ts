import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createNetns, type Guest, type Netns } from "../support/netns.ts";

/* A real kube-apiserver with its etcd, of test/kubernetes/tools.sh, on a host of a test's network. */

export const cache = join(
  process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"),
  "eim-pxe-kubernetes",
);
export const tool = (name: string): string => join(cache, "bin", name);

export const adminToken = "token-of-the-cluster's-administrator".replaceAll("'", "");

export class ApiServer {
  readonly #net: Netns;
  readonly #host: string;
  readonly #address: string;
  readonly #folder: string;
  #server: Guest | null = null;

  constructor(net: Netns, host: string, address: string, folder: string) {
    [this.#net, this.#host, this.#address, this.#folder] = [net, host, address, folder];
  }

  /** On a host of its own, which this one reaches by no cable: for kubectl in that host's network. */
  static alone(folder: string): { readonly net: Netns; readonly api: ApiServer } {
    const net = createNetns();
    return { net, api: new ApiServer(net, net.host("api"), "127.0.0.1", folder) };
  }

  get url(): string {
    return `https://${this.#address}:6443`;
  }

  get host(): string {
    return this.#host;
  }

  /** Resolves when it is ready. */
  async open(): Promise<void> {
    const folder = this.#folder;
    mkdirSync(folder, { recursive: true });
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(join(folder, "sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
    writeFileSync(join(folder, "sa.key"), privateKey.export({ type: "pkcs8", format: "pem" }));
    writeFileSync(join(folder, "tokens.csv"), `${adminToken},admin,1,"system:masters"\n`);
    this.#net.spawn(
      this.#host,
      tool("etcd"),
      "--data-dir",
      join(folder, "etcd"),
      "--log-level=error",
    );
    this.start();
    await this.ready();
  }

  start(): void {
    const folder = this.#folder;
    this.#server = this.#net.spawn(
      this.#host,
      tool("kube-apiserver"),
      "--etcd-servers=http://127.0.0.1:2379",
      `--bind-address=${this.#address}`,
      `--advertise-address=${this.#address === "127.0.0.1" ? "192.0.2.1" : this.#address}`,
      `--cert-dir=${join(folder, "certificates")}`,
      "--service-cluster-ip-range=10.96.0.0/16",
      "--service-account-issuer=https://kubernetes.test",
      `--service-account-key-file=${join(folder, "sa.pub")}`,
      `--service-account-signing-key-file=${join(folder, "sa.key")}`,
      `--token-auth-file=${join(folder, "tokens.csv")}`,
      "--authorization-mode=RBAC",
      "--anonymous-auth=false",
    );
  }

  async stop(): Promise<void> {
    await this.#server?.stop("SIGKILL");
  }

  async ready(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        if (this.kubectl("get", "--raw", "/readyz") === "ok") return;
      } catch (error) {
        if (tries > 300) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  /** The certificate that it made for itself. */
  get certificate(): string {
    const file = join(this.#folder, "certificates", "apiserver.crt");
    return existsSync(file) ? readFileSync(file, "base64") : "";
  }

  /** Runs kubectl as the cluster's administrator, in the API server's network; its output. */
  kubectl(...words: readonly string[]): string {
    return this.kubectlWith("", ...words);
  }

  kubectlWith(input: string, ...words: readonly string[]): string {
    const to = [`--server=${this.url}`, `--token=${adminToken}`, "--insecure-skip-tls-verify"];
    const command = ["netns", "exec", this.#host, tool("kubectl"), ...to, ...words];
    return execFileSync("ip", command, { input, stdio: "pipe" }).toString();
  }
}
