/**
 * One executable, two programs: which of them runs is decided by the name it was started under, so that either works
 * alone wherever it is copied, under whatever name with a version behind it.
 */

export const PROGRAMS = ["agent-harness", "webhook-receiver"] as const;
export type Program = (typeof PROGRAMS)[number];

/**
 * Commands by which agent-harness starts itself. They win over the name: the path of the running executable may be the
 * other name of it, as behind a symlink.
 */
export const HELPER_MODES = ["bridge"] as const;

/**
 * `argv0` as it was typed, and the first argument. `webhook-receiver`, `webhook-receiver-0.2.0`, and what a packager's
 * wrapper makes of it (`.webhook-receiver-wrapped`) are the receiver; every other name is agent-harness.
 */
export function programOf(argv0: string, first: string | undefined): Program {
  if (HELPER_MODES.some((mode) => mode === first)) return "agent-harness";
  const name = argv0
    .slice(argv0.lastIndexOf("/") + 1)
    // A login shell puts a dash in front, a wrapper a dot.
    .replace(/^[.-]+/, "")
    .replace(/-wrapped$/, "");
  return /^webhook-receiver(?:$|[-._]v?\d)/.test(name) ? "webhook-receiver" : "agent-harness";
}
