import type { ComponentChildren } from "preact";

/** A table that scrolls sideways where it is wider than its place, by keyboard too. */
export function Table({
  label,
  heads,
  kind = "",
  children,
}: {
  readonly label: string;
  /** Of each column; null: it needs none. */
  readonly heads: readonly (string | null)[];
  readonly kind?: "" | "leases" | "leases held" | "timeline" | "options" | undefined;
  /** Rows. */
  readonly children: ComponentChildren;
}) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table class={kind}>
        <thead>
          <tr>
            {heads.map((head, index) =>
              head === null ? (
                <td key={index} />
              ) : (
                <th key={index} scope="col">
                  {head}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** A place in a table for something drawn, which says nothing that the rest of its row does not. */
export function Chart({ children }: { readonly children: ComponentChildren }) {
  return (
    <td class="chart" aria-hidden="true">
      <span class="lane">{children}</span>
    </td>
  );
}
