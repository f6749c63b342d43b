/** This box while it is a node, as the parts of a fleet know it. */
import type { FleetMeta } from "./schema.ts";

export interface Member {
  readonly no: number;
  readonly session: string;
  readonly name: string;
  readonly meta: FleetMeta;
  /** The last beat of this node that the database is known to have. */
  readonly mark: number;
}
