/** What the tests use of the npm package `tftp`, which brings no types. */
declare module "tftp" {
  export interface ClientOptions {
    readonly host: string;
    readonly port: number;
    readonly blockSize: number;
    readonly windowSize: number;
    readonly retries: number;
    /** Milliseconds, and sent as the option of the same name, which is in seconds: at most 255. */
    readonly timeout: number;
  }
  export interface Client {
    get(remote: string, local: string, done: (error?: Error | null) => void): void;
  }
  export function createClient(options: ClientOptions): Client;
}
