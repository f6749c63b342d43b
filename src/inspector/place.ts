/** Of which box something is: in the address of a page, and in the key of a request. Pure. */
import type { Permission } from "./shapes.ts";

/** The box of the fleet that a page is about. It stands before the `#`, so that no link within the page can lose it. */
export const nodeIn = (search: string): string | null => new URLSearchParams(search).get("node");

/** The same place of the page of another box; null = of this one. */
export const onNode = (node: string | null, hash: string): string =>
  `/inspect${node === null ? "" : `?node=${encodeURIComponent(node)}`}${hash}`;

/** `node`: of another box, whose agents may have the same names. */
export const permissionKey = (agent: string, id: string, node: string | null = null): string =>
  `${node === null ? "" : `${node}:`}${agent}/${id}`;

export const keyOf = ({ agent, id, node }: Permission): string => permissionKey(agent, id, node);
