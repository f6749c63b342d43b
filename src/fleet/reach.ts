/** How far away a node is, by the database's clock alone. */

export const REACHES = ["live", "late", "lost"] as const;
export type Reach = (typeof REACHES)[number];

/**
 * How far away a node is. It is lost only when another one has been beating for as long as that one was silent at
 * least: while the database was away nobody could beat, and nobody is lost for it.
 */
export const REACH = `
  CASE WHEN h.seen_at > clock_timestamp() - m.late_ms * interval '1 ms' THEN 'live'
    WHEN h.seen_at > clock_timestamp() - m.lost_ms * interval '1 ms' OR NOT EXISTS (
      SELECT 1 FROM ~heartbeats o WHERE o.node_no <> h.node_no AND o.seen_at > clock_timestamp() - m.late_ms * interval '1 ms'
        AND o.since < clock_timestamp() - m.lost_ms * interval '1 ms') THEN 'late'
    ELSE 'lost' END`;
