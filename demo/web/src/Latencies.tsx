interface Props {
  /** Milliseconds, by name. */
  latencies: Record<string, number>;
}

/** Lists the latest value of each latency that the agent has measured. */
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
