/** What the answer to `GET /report` looks like to the commands. */
import type { UsageSumShape } from "./shapes.ts";

/** One agent in these hours. */
export interface NightShape {
  readonly id: string;
  readonly project: string | null;
  readonly name: string | null;
  readonly status: string | null;
  readonly turns: Readonly<Record<string, number>>;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly checks: { readonly passed: number; readonly failed: number };
  readonly changes: { readonly files: number; readonly insertions: number; readonly deletions: number } | null;
  readonly waits: {
    readonly asked: number;
    readonly open: number;
    readonly ms: number;
    readonly by: Readonly<Record<string, number>>;
  };
  readonly limited: { readonly times: number; readonly ms: number; readonly now: boolean };
  readonly deadDeliveries: number;
  readonly usage: UsageSumShape;
}

export interface ReportShape {
  readonly since: string;
  readonly until: string;
  readonly agents: readonly NightShape[];
  readonly usage: UsageSumShape;
  readonly restarts: readonly {
    readonly at: string;
    readonly lived: readonly string[];
    readonly ended: readonly string[];
    readonly unknown: readonly string[];
  }[];
  readonly dead: readonly { readonly id: string; readonly event: string }[];
}
