interface Props {
  latencies: Record<string, number>;
}

/** What was measured in the agent, the latest of each. */
export function Latencies({ latencies }: Props) {
  return (
    <section aria-label="Latencies">
      <dl className="latencies">
        {Object.entries(latencies).map(([name, ms]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{ms} ms</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
