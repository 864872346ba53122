import { describe, expect, test } from "vitest";
import { filledUrl, macSegment } from "../../src/boot/machine-urls.ts";
import { planBoot } from "../../src/boot/policy.ts";
import { parseConfig } from "../../src/config/load.ts";
import {
  policyOf,
  scriptOf,
  servesMicroOs,
  smeeOf,
} from "../../src/daemon/settings/boot-settings.ts";
import { handleSmee } from "../../src/dhcp/handlers/smee.ts";
import { fromText } from "../../src/lib/bytes.ts";
import {
  baseUrl,
  clientMac,
  firmware,
  message,
  onlyReply,
  type Options,
  proxyLink,
  requestWith,
} from "../support/dhcp.ts";

const uuid = "00112233-4455-6677-8899-aabbccddeeff";
const forms = [
  ["colon", "08:00:27:29:4e:67"],
  ["dash", "08-00-27-29-4e-67"],
  ["dot", "0800.2729.4e67"],
  ["none", "080027294e67"],
] as const;
const configured = (text: string) => parseConfig(text, "test.yaml");

describe("a MAC in a path", () => {
  test.each(forms)("in the form %s", (form, written) => {
    expect(macSegment(clientMac, form)).toBe(written);
  });

  test("is left out where it is off, and where there is none of six bytes", () => {
    expect(macSegment(clientMac, "off")).toBeNull();
    expect(macSegment("", "colon")).toBeNull();
    expect(macSegment("00:11:22:33:44:55:66:77", "dash")).toBeNull();
  });
});

describe("a URL with placeholders", () => {
  const url = "https://boot.example/{mac}/{uuid}.ipxe?again={mac}";

  test.each(forms)("has the MAC in the form %s everywhere", (form, written) => {
    const filled = filledUrl(url, { mac: clientMac, uuid }, form);
    expect(filled).toBe(`https://boot.example/${written}/${uuid}.ipxe?again=${written}`);
  });

  test("leaves to iPXE what is not known", () => {
    const unknown = { mac: null, uuid: null };
    expect(filledUrl("http://b/{mac}/{uuid}", unknown, "colon")).toBe("http://b/${mac}/${uuid}");
    expect(filledUrl("http://b/{mac}", unknown, "dash")).toBe("http://b/${mac:hexhyp}");
    expect(filledUrl("http://b/{mac}", unknown, "none")).toBe("http://b/${mac:hexraw}");
  });
});

describe("boot.macInUrls", () => {
  const urlsBy = (text: string) => {
    const policy = policyOf(configured(text));
    return [firmware.ipxe, firmware.uefiHttp].map((options) => {
      const plan = planBoot(requestWith(message(options)).client, null, policy, baseUrl);
      return "url" in plan ? plan.url.slice(baseUrl.length) : plan.kind;
    });
  };

  test.each(forms)("%s", (form, written) => {
    expect(urlsBy(`boot: { macInUrls: ${form} }`)).toEqual([
      `/${written}/boot.ipxe`,
      `/${written}/ipxe.efi`,
    ]);
  });

  test("off leaves it out, and each of the two has its own", () => {
    expect(urlsBy("boot: { macInUrls: off }")).toEqual(["/boot.ipxe", "/loaders/ipxe.efi"]);
    expect(urlsBy('boot: { macInUrls: { script: "off", loader: dash } }')).toEqual([
      "/boot.ipxe",
      "/08-00-27-29-4e-67/ipxe.efi",
    ]);
    expect(urlsBy("boot: { macInUrls: { loader: dot } }")[0]).toBe(`/${clientMac}/boot.ipxe`);
  });
});

describe("in SMEE's compatibility", () => {
  const tinkerbell = { ...firmware.ipxe, 77: fromText("Tinkerbell") };
  const ipxe = { ...firmware.ipxe, 77: fromText("iPXE") };
  const fileOf = (boot: string, options: Options, changes = {}) => {
    const config = configured(`dhcp: { compatibility: smee }\nboot: ${boot}`);
    const settings = smeeOf(config, { tftpPort: 69, httpPort: 7080, trace: null });
    const request = requestWith(message(options), changes);
    return settings === null
      ? null
      : onlyReply(handleSmee(request, null, proxyLink, settings)).file;
  };

  test("the loader's URL has the MAC in that form, the script's too", () => {
    expect(fileOf("{ macInUrls: { loader: none } }", ipxe)).toBe(
      "tftp://192.168.77.1:69/080027294e67/ipxe.efi",
    );
    expect(fileOf("{ macInUrls: { loader: dot } }", firmware.uefiHttp)).toBe(
      "http://192.168.77.1:7080/ipxe/binary/0800.2729.4e67/ipxe.efi",
    );
    expect(fileOf('{ macInUrls: { loader: "off" } }', ipxe)).toBe(
      "tftp://192.168.77.1:69/ipxe.efi",
    );
    expect(fileOf('{ macInUrls: { script: "off" } }', tinkerbell)).toBe(
      "http://192.168.77.1:7080/ipxe/script/auto.ipxe",
    );
  });

  test("DHCP itself names the script elsewhere", () => {
    const boot = "{ scriptUrl: 'https://boot.example/{mac}/{uuid}/auto.ipxe' }";
    expect(fileOf(boot, tinkerbell)).toBe(
      `https://boot.example/${clientMac}/33221100-5544-7766-8899-aabbccddeeff/auto.ipxe`,
    );
    const without = "{ scriptUrl: 'https://boot.example/{mac}/auto.ipxe' }";
    expect(fileOf(without, tinkerbell, { chaddr: new Uint8Array() })).toBe(
      "https://boot.example/auto.ipxe",
    );
  });
});

describe("boot.scriptUrl", () => {
  const url = "https://boot.example/{mac}/x.ipxe";

  test("is the script of every machine, and needs no mirror", () => {
    const config = configured(`boot: { scriptUrl: '${url}' }`);
    expect(scriptOf(config)).toEqual({ kind: "elsewhere", url });
    expect(servesMicroOs(config)).toBe(false);
  });

  test.each([
    [
      "a placeholder of no meaning",
      "{ scriptUrl: 'http://b/{ip}' }",
      /knows \{mac\} and \{uuid\}, not \{ip\}/,
    ],
    ["no URL", "{ scriptUrl: boot.example }", /http/],
    [
      "kernel arguments beside it",
      "{ scriptUrl: 'http://b/', kernelArgs: [quiet] }",
      /no effect with boot.scriptUrl/,
    ],
    [
      "a template beside it",
      "{ scriptUrl: 'http://b/', script: /etc/x.ipxe }",
      /no effect with boot.scriptUrl/,
    ],
    [
      "the orchestrator's loader",
      "{ scriptUrl: 'http://b/', path: orchestrator }",
      /no effect with boot.path/,
    ],
  ])("refuses %s", (_, boot, message_) => {
    expect(() => configured(`boot: ${boot}`)).toThrow(message_);
  });
});
