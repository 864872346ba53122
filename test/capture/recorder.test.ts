import { describe, expect, it } from "vitest";
import { CaptureRecorder, type CaptureLimits } from "../../src/capture/recorder.ts";
import { fromText } from "../../src/lib/bytes.ts";
import { datagramOf, requestOf, serverAddress } from "../support/captured.ts";

const address = "192.168.77.101";
const mac = "52:54:00:77:00:01";
const tftpServer = { address: serverAddress, port: 40_000 };
const tftpClient = { address, port: 2070 };

function recorderWith(limits: Partial<CaptureLimits> = {}, known: readonly string[] = []) {
  const clock = { ms: 0 };
  const machines = new Map([[address, mac]]);
  const recorder = new CaptureRecorder({
    now: () => clock.ms,
    machineAt: (asked) => machines.get(asked) ?? null,
    isKnown: (asked) => known.includes(asked),
    limits,
  });
  const ask = (who: string) => recorder.dhcp(datagramOf(requestOf(who)));
  return { recorder, clock, machines, ask };
}

const randomMac = (number: number) =>
  [0x02, 0xaa, number >> 24, (number >> 16) & 255, (number >> 8) & 255, number & 255]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(":");

describe("the recorder of captures", () => {
  it("keeps what a machine sent and got, in its order and with its times", () => {
    const { recorder, clock, ask } = recorderWith();
    ask(mac);
    clock.ms = 4000;
    ask(mac);
    ask("52:54:00:77:00:02");
    expect(recorder.of({ mac, address: null }).map(({ atMs }) => atMs)).toEqual([0, 4000]);
  });

  it("keeps of a transfer no data, and of acknowledgements in a row the first and the last", () => {
    const { recorder } = recorderWith();
    const send = (bytes: Uint8Array) =>
      recorder.tftp(address, datagramOf(bytes, tftpClient, tftpServer));
    send(fromText("\0\u0001ipxe.efi\0octet\0"));
    for (let block = 0; block < 700; block++) {
      recorder.tftp(
        address,
        datagramOf(Uint8Array.of(0, 3, 0, block, 1, 2), tftpServer, tftpClient),
      );
      send(Uint8Array.of(0, 4, block >> 8, block & 255));
    }
    send(Uint8Array.of(0, 5, 0, 0, 0));
    const kept = recorder.of({ mac, address }).map(({ payload }) => [payload[1], payload[3]]);
    expect(kept.map(([opcode]) => opcode)).toEqual([1, 4, 4, 5]);
    expect(kept[1]).toEqual([4, 0]);
    expect(kept[2]).toEqual([4, 699 & 255]);
  });

  it("keeps what came from an address before anybody knew whose it is", () => {
    const { recorder, machines, ask } = recorderWith();
    machines.clear();
    recorder.tftp(address, datagramOf(fromText("\0\u0001a\0octet\0"), tftpClient, tftpServer));
    ask(mac);
    expect(recorder.of({ mac, address }).length).toBe(2);
    expect(recorder.of({ mac: null, address }).length).toBe(1);
  });

  it("asks whether the site knows a machine no more once it is among those that are known", () => {
    const asked: string[] = [];
    const recorder = new CaptureRecorder({
      now: () => 0,
      machineAt: () => null,
      isKnown: (who) => asked.push(who) > 1,
    });
    for (let n = 0; n < 5; n++) recorder.dhcp(datagramOf(requestOf(mac)));
    // At first it is not.
    expect(asked).toEqual([mac, mac]);
    expect(recorder.of({ mac, address: null }).length).toBe(5);
  });

  it("keeps the last packets of a machine that sends without end", () => {
    const { recorder, clock, ask } = recorderWith({ packets: 10 });
    for (let n = 0; n < 1000; n++) {
      clock.ms = n;
      ask(mac);
    }
    expect(recorder.of({ mac, address: null }).map(({ atMs }) => atMs)).toEqual(
      Array.from({ length: 10 }, (_, i) => 990 + i),
    );
  });

  it("is not filled by a flood of made-up machines, which pushes out none that is known", () => {
    const fromFile = "52:54:00:77:00:03";
    const { recorder, clock, ask } = recorderWith({}, [fromFile]);
    ask(fromFile);
    ask(mac);
    clock.ms = 4000;
    ask(mac);
    const transferring = "192.168.77.150";
    recorder.tftp(transferring, datagramOf(Uint8Array.of(0, 4, 0, 0), tftpClient, tftpServer));
    // Within a second nobody of the flood can come back as firmware does.
    for (let n = 0; n < 50_000; n++) ask(randomMac(n));
    expect(recorder.of({ mac, address: null }).length).toBe(2);
    expect(recorder.of({ mac: fromFile, address: null }).length).toBe(1);
    expect(recorder.of({ mac: null, address: transferring }).length).toBe(1);
    expect(recorder.size().machines).toBeLessThanOrEqual(2048 + 3);
    expect(recorder.size().bytes).toBeLessThanOrEqual(4 * 1024 * 1024 + 10_000);
  });

  it("is not told by a server's late answer that a made-up machine came back", () => {
    const { recorder, clock, ask } = recorderWith({ newcomers: 10 });
    ask(mac);
    const [answer, answered] = [
      requestOf(mac).fill(2, 0, 1),
      requestOf(randomMac(0)).fill(2, 0, 1),
    ];
    recorder.dhcp(datagramOf(answered));
    clock.ms = 3000;
    recorder.dhcp(datagramOf(answer));
    ask(randomMac(0));
    for (let n = 1; n < 100; n++) ask(randomMac(n));
    expect(recorder.of({ mac, address: null })).toEqual([]);
    expect(recorder.of({ mac: randomMac(0), address: null })).toEqual([]);
  });

  it("stays within its bytes, also when a flood comes back", () => {
    const { recorder, clock, ask } = recorderWith({ bytes: 200_000, newcomerBytes: 50_000 });
    for (let n = 0; n < 10_000; n++) {
      clock.ms = n * 500;
      ask(randomMac(n % 1000));
    }
    expect(recorder.size().bytes).toBeLessThanOrEqual(250_000);
  });

  it("forgets a machine", () => {
    const { recorder, ask } = recorderWith();
    ask(mac);
    recorder.forget(mac);
    expect(recorder.of({ mac, address: null })).toEqual([]);
    expect(recorder.size()).toEqual({ machines: 0, bytes: 0 });
  });

  it("passes over what is no DHCP packet", () => {
    const { recorder } = recorderWith();
    recorder.dhcp(datagramOf(new Uint8Array()));
    recorder.dhcp(datagramOf(new Uint8Array(43).fill(255)));
    recorder.dhcp(datagramOf(new Uint8Array(300)));
    expect(recorder.size().machines).toBe(0);
  });
});
