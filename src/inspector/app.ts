/** What every page is given, and what a page is. */
import type { Client } from "./client.ts";
import type { Link } from "./connection.ts";
import type { Drafts } from "./drafts.ts";
import type { Filter } from "./filter.ts";
import type { KeyName } from "./keys.ts";
import type { Refresh } from "./refresh.ts";
import type { Route } from "./route.ts";
import type { Seen } from "./seen.ts";
import type { Store } from "./store.ts";
import type { Ticker } from "./ticker.ts";

export interface AppContext {
  readonly store: Store;
  /** The box that the page is about, asked through this one; null = this one itself. */
  readonly node: string | null;
  /** Asks that box. */
  readonly client: Client;
  /** Asks any box; null = this one, which also answers for the fleet. */
  clientOf(node: string | null): Client;
  readonly link: Link;
  readonly refresh: Refresh;
  readonly ticker: Ticker;
  readonly seen: Seen;
  readonly filter: Filter;
  readonly drafts: Drafts;
  /** The styles of everything but the overview itself. */
  loadStyles(): Promise<unknown>;
}

export interface Page {
  readonly element: HTMLElement;
  /** In front of the product's name in the title; null = nothing. */
  readonly title: string | null;
  /** The same page with another address (a tab, a message). */
  navigate?(route: Route): void;
  /** A key outside of fields; false = it means nothing here. */
  key?(name: KeyName): boolean;
  close(): void;
}
