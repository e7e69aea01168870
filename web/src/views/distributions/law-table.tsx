import type { Column, Columns } from "./columns.ts";

const percent = (share: number): string => {
  if (share === 0) return "–";
  return share < 0.005 ? "< 1 %" : `${Math.round(100 * share)} %`;
};

const classOf = ({ name, isStale = false }: Column): string => (isStale ? `${name} stale` : name);

/** The laws side by side: a line for each answer, a column for each law. */
export function LawTable({ columns: { groups, others, columns } }: { readonly columns: Columns }) {
  const lines = [
    ...groups.map((group) => ({
      label: group,
      isSummary: false,
      shareOf: ({ shares }: Column) => shares.get(group) ?? 0,
    })),
    ...(others.length === 0
      ? []
      : [
          {
            label: `${others.length} others`,
            isSummary: true,
            shareOf: ({ shares }: Column) => others.reduce((sum, group) => sum + (shares.get(group) ?? 0), 0),
          },
        ]),
    { label: "not seen", isSummary: true, shareOf: ({ unseen }: Column) => unseen },
  ];
  return (
    <div class="laws-frame">
      <table class="laws" id="laws">
        <thead>
          <tr>
            <th scope="col">Answer</th>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={classOf(column)}>
                {column.title} <small>{column.explanation}</small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines.map(({ label, isSummary, shareOf }) => (
            <tr key={label}>
              <th scope="row" title={label} class={isSummary ? "summary" : ""}>
                {label}
              </th>
              {columns.map((column) => {
                const share = shareOf(column);
                return (
                  <td key={column.name} class={classOf(column)}>
                    <span class="track" aria-hidden="true">
                      <span class="fill" style={{ inlineSize: `${100 * (share ?? 0)}%` }} />
                    </span>
                    <span class="share">{share === undefined ? "" : percent(share)}</span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
