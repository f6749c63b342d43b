/**
 * Path templates (`/projects/:name/agents`) to routes: a tree built once, that refuses a table which contradicts
 * itself.
 */

export interface Matchable {
  readonly method: string;
  readonly path: string;
}

export type Match<R> =
  | { readonly type: "found"; readonly route: R; readonly params: Readonly<Record<string, string>> }
  | { readonly type: "wrong_method"; readonly allow: readonly string[] }
  /** A percent-encoding that is none. */
  | { readonly type: "malformed" }
  | { readonly type: "unknown" };

interface Node<R> {
  readonly literal: Map<string, Node<R>>;
  parameter: Node<R> | undefined;
  readonly byMethod: Map<string, { readonly route: R; readonly names: readonly string[] }>;
}

const newNode = <R>(): Node<R> => ({ literal: new Map(), parameter: undefined, byMethod: new Map() });

/** `path` of the lookup is as it stood in the request, still percent-encoded, without the query. */
export function createMatcher<R extends Matchable>(routes: readonly R[]): (method: string, path: string) => Match<R> {
  const root = newNode<R>();
  const withoutParameters = new Map<string, Node<R>>();

  for (const route of routes) {
    if (!/^(\/|(\/(:[A-Za-z]+|[A-Za-z0-9._-]+))+)$/.test(route.path))
      throw new Error(`route ${route.path}: not a path template`);
    const names: string[] = [];
    let node = root;
    for (const segment of route.path.slice(1).split("/")) {
      if (segment.startsWith(":")) {
        names.push(segment.slice(1));
        node = node.parameter ??= newNode<R>();
      } else {
        const next = node.literal.get(segment) ?? newNode<R>();
        node.literal.set(segment, next);
        node = next;
      }
    }
    if (new Set(names).size < names.length) throw new Error(`route ${route.path}: a parameter stands twice`);
    if (node.byMethod.has(route.method))
      throw new Error(`route ${route.method} ${route.path}: stands twice in the table`);
    node.byMethod.set(route.method, { route, names });
    if (names.length === 0) withoutParameters.set(route.path, node);
  }

  const find = (node: Node<R>, segments: readonly string[], at: number, values: string[]): Node<R> | undefined => {
    const segment = segments[at];
    if (segment === undefined) return node.byMethod.size > 0 ? node : undefined;
    const literal = node.literal.get(segment);
    const found = literal && find(literal, segments, at + 1, values);
    if (found) return found;
    if (!node.parameter || segment === "") return undefined;
    values.push(segment);
    const byParameter = find(node.parameter, segments, at + 1, values);
    if (!byParameter) values.pop();
    return byParameter;
  };

  return (method, path) => {
    const values: string[] = [];
    const node = withoutParameters.get(path) ?? find(root, path.slice(1).split("/"), 0, values);
    const encoded = path.includes("%");
    if (encoded && decode(path) === undefined) return { type: "malformed" };
    if (!node) return { type: "unknown" };
    const entry = node.byMethod.get(method) ?? (method === "HEAD" ? node.byMethod.get("GET") : undefined);
    if (!entry) return { type: "wrong_method", allow: allowed(node) };
    const params: Record<string, string> = {};
    entry.names.forEach((name, i) => (params[name] = (encoded ? decode(values[i] ?? "") : values[i]) ?? ""));
    return { type: "found", route: entry.route, params };
  };
}

function allowed<R>(node: Node<R>): readonly string[] {
  const methods = [...node.byMethod.keys()];
  return methods.includes("GET") ? ["GET", "HEAD", ...methods.filter((method) => method !== "GET")] : methods;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
