/** Which agents the list shows: chosen statuses (none = all) and what was typed into the search. */
import type { Look } from "./looks.ts";

export interface Filter {
  readonly looks: Set<Look>;
  /** In lower case. */
  query: string;
}
