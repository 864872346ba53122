import { useEffect, useState } from "preact/hooks";
import type { LeasesReply } from "../../api/leases.ts";
import { api } from "../data/api.ts";
import { firstLeases } from "../data/leases.ts";
import { moment } from "../view/format.ts";
import { messageOf, useAsked, usePage, useShown } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import { Card } from "./site-page.tsx";

/** So many are shown at first, and more with each press. */
const pageSize = 200;
/** Leases come and go without anybody pressing anything. */
const freshMs = 30_000;

/** Leases of mode full and how full its pools are; a lease becomes a reservation. */
export function Addresses() {
  const { words: texts, session, say } = usePage();
  const { machines } = useShown();
  const [count, setCount] = useState(pageSize);
  const { value, failed, again } = useAsked(() => firstLeases(count), String(count));
  useEffect(() => {
    const timer = setInterval(() => document.hidden || again(), freshMs);
    return () => clearInterval(timer);
  }, []);
  const mayChange = session.access === "write";
  const act = async (work: () => Promise<unknown>, done: string | null) => {
    try {
      await work();
      if (done !== null) say(done);
      again();
    } catch (thrown) {
      say(messageOf(thrown), "bad");
    }
  };
  if (value === null) return <p class="empty">{failed ?? `${texts.loading} …`}</p>;
  const { leases, next } = value;
  return (
    <>
      <h1>{texts.nav.addresses}</h1>
      {value.pools.length > 0 && <Pools pools={value.pools} />}
      <Card title={texts.leases.title}>
        {leases.length === 0 ? (
          <p>{texts.leases.none}</p>
        ) : (
          <Table
            kind="leases held"
            label={texts.leases.title}
            heads={[
              texts.leases.address,
              texts.leases.machine,
              texts.leases.host,
              texts.leases.state,
              ...(mayChange ? [null] : []),
            ]}
          >
            {leases.map((lease) => (
              <tr key={lease.address}>
                <th scope="row">{lease.address}</th>
                <td>
                  <a href={`#/machine/${encodeURIComponent(lease.mac)}`}>
                    {machines.get(lease.mac)?.node?.name ?? lease.mac}
                  </a>
                </td>
                <td>{lease.hostname}</td>
                <td>
                  {texts.leases.until(
                    lease.state,
                    moment(new Date(lease.expiresAtMs).toISOString(), texts.language),
                  )}
                </td>
                {mayChange && (
                  <td>
                    <div class="buttons">
                      <button
                        type="button"
                        title={texts.leases.reserveHelp}
                        onClick={() =>
                          void act(
                            () => api.reserve(lease.address),
                            texts.leases.reserved(lease.address),
                          )
                        }
                      >
                        {texts.leases.reserve}
                      </button>
                      <button
                        type="button"
                        onClick={() => void act(() => api.release(lease.address), null)}
                      >
                        {texts.leases.release}
                      </button>
                    </div>
                  </td>
                )}
              </tr>
            ))}
          </Table>
        )}
        {next !== null && (
          <button type="button" onClick={() => setCount(leases.length + pageSize)}>
            {texts.leases.more}
          </button>
        )}
      </Card>
    </>
  );
}

function Pools({ pools }: { pools: LeasesReply["pools"] }) {
  const { words: texts } = usePage();
  const { pool } = texts.leases;
  return (
    <Card title={texts.leases.pools}>
      <Table
        kind="leases"
        label={texts.leases.pools}
        heads={[pool.network, pool.leased, pool.free, pool.quarantined]}
      >
        {pools.map((one) => (
          <tr key={`${one.interface} ${one.network}`}>
            <th scope="row">
              {one.network} ({one.interface})
            </th>
            <td>
              <meter
                aria-label={pool.leased}
                min={0}
                max={one.addresses}
                high={one.addresses * 0.9}
                value={one.leased}
              />{" "}
              {one.leased} / {one.addresses}
            </td>
            <td class={one.free === 0 ? "bad" : ""}>{one.free}</td>
            <td>{one.quarantined}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}
