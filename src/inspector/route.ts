/**
 * Addresses behind the `#`: a reload and a shared link work, and no path of them reaches the server. Pure but for `go`.
 */
export type Tab = "conversation" | "changes" | "timeline" | "why" | "debug" | "facts";

export type Route =
  | { readonly page: "overview" }
  | {
      readonly page: "agent";
      readonly project: string;
      readonly id: string;
      readonly tab: Tab;
      readonly message: number | null;
      readonly event: number | null;
    }
  | { readonly page: "new"; readonly project: string | null }
  | { readonly page: "webhooks"; readonly id: string | null }
  | { readonly page: "keys" }
  | { readonly page: "fleet" };

const TABS: readonly Tab[] = ["conversation", "changes", "timeline", "why", "debug", "facts"];

/** What no page has leads to the overview. */
export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#/, "").split("?");
  const parts = path.split("/").slice(1).map(decode);
  const params = new URLSearchParams(query);
  const [page, first = "", second = "", third = ""] = parts;
  if (page === "a" && first !== "" && second !== "") {
    return {
      page: "agent",
      project: first,
      id: second,
      tab: TABS.find((tab) => tab === third) ?? "conversation",
      message: whole(params.get("m")),
      event: whole(params.get("e")),
    };
  }
  if (page === "new") return { page: "new", project: params.get("project") };
  if (page === "webhooks") return { page: "webhooks", id: first === "" ? null : first };
  return page === "keys" || page === "fleet" ? { page } : { page: "overview" };
}

export function agentHash({ project, id }: { readonly project: string; readonly id: string }, tab?: Tab): string {
  const end = tab === undefined || tab === "conversation" ? "" : `/${tab}`;
  return `#/a/${encodeURIComponent(project)}/${encodeURIComponent(id)}${end}`;
}

/** Pages of the same key are one page that changes, not two. */
export function routeKey(route: Route): string {
  return route.page === "agent" ? `agent ${route.project} ${route.id}` : route.page;
}

export function go(hash: string): void {
  location.hash = hash;
}

const whole = (text: string | null): number | null => (text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
