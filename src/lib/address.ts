/** Where a program listens, and where it is found. */
export type Address =
  | { readonly type: "tcp"; readonly host: string; readonly port: number }
  /** Absolute path; bound 0600, or 0660 for this group (its name or number). */
  | { readonly type: "unix"; readonly path: string; readonly group?: string };
