import type { BootDetail } from "../data/api.ts";
import { duration } from "../view/format.ts";
import { usePage } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";

/** The packets of a boot in the order in which they came, each with its options in words. */
export function Packets({ boot }: { boot: BootDetail }) {
  const { words: texts } = usePage();
  return (
    <section class="card">
      <h2>{texts.machine.packets}</h2>
      {boot.packets.length === 0 ? (
        <p class="empty">{texts.machine.noPackets}</p>
      ) : (
        <>
          <p class="help">{texts.machine.packetsHelp}</p>
          <ol class="packets">
            {boot.packets.map((one, index) => (
              <li key={index}>
                <details>
                  <summary>
                    <span class="after">{duration(one.afterMs)}</span>{" "}
                    <span class={one.packet?.op === 2 ? "ours" : "theirs"}>{one.summary}</span>{" "}
                    <span class="way">
                      {one.source} → {one.destination}
                    </span>
                  </summary>
                  <Fields packet={one.packet} damaged={one.protocol === "dhcp"} />
                </details>
              </li>
            ))}
          </ol>
        </>
      )}
    </section>
  );
}

function Fields({
  packet,
  damaged,
}: {
  packet: BootDetail["packets"][number]["packet"];
  damaged: boolean;
}) {
  const { words: texts } = usePage();
  if (packet === null) return damaged ? <p>{texts.machine.damaged}</p> : null;
  const { options, ...header } = packet;
  return (
    <Table
      label={texts.machine.option}
      kind="options"
      heads={[texts.machine.option, texts.machine.value, texts.machine.means]}
    >
      {options.map(({ code, name, value, hex }) => (
        <tr key={code}>
          <th scope="row">
            {code} {name}
          </th>
          <td title={hex}>{value}</td>
        </tr>
      ))}
      {Object.entries(header)
        .filter(([, value]) => value !== "" && value !== "0.0.0.0")
        .map(([name, value]) => (
          <tr key={name} class="header">
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
    </Table>
  );
}
