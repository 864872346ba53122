import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { readU32 } from "../../src/lib/bytes.ts";
import { ip4FromBytes } from "../../src/lib/ip4.ts";
import { type Options, ourAddress } from "./dhcp.ts";
import { type Ask, FullSite, Machine, type Outcome } from "./full-site.ts";

/* What the cases of `test/dhcp/conformance-*.test.ts` share. */

export const one = "192.168.77.100";
export const two = "192.168.77.101";
export const elsewhere = "10.9.9.9";
export const otherServer = "192.168.77.9";
export const relay = "192.168.77.254";
export const [macA, macB, macC] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b", "52:54:00:00:00:0c"];
export const tiny = [{ first: one, last: one }];
export const pair = [{ first: one, last: two }];

export const settings = {
  router: [ourAddress],
  dns: ["192.168.77.53", "192.168.77.54"],
  ntp: ["192.168.77.123"],
  logServers: ["192.168.77.5"],
  domain: "site.example",
};

export function client(site = new FullSite({ ...settings, pools: pair }), mac = macA): Machine {
  return new Machine(site, mac);
}

export const raw = ({ reply }: Outcome, code: number): readonly number[] | null => {
  const value = reply?.options.get(code);
  return value === undefined ? null : [...value];
};
export const seconds = ({ reply }: Outcome, code: number): number =>
  readU32(reply?.options.get(code) ?? new Uint8Array(), 0);
export const serverOf = ({ reply }: Outcome): string =>
  ip4FromBytes(reply?.options.get(OptionCode.SERVER_IDENTIFIER) ?? new Uint8Array(4));
export const list = (...codes: readonly number[]): Ask => ({
  options: { [OptionCode.PARAMETER_REQUEST_LIST]: Uint8Array.from(codes) },
});
export const identified = (...id: readonly number[]): Options => ({
  [OptionCode.CLIENT_IDENTIFIER]: Uint8Array.from(id),
});
