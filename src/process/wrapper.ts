/**
 * The shell scripts between us and a child. They outlive the daemon, so they are plain POSIX sh (dash, bash, busybox),
 * call no other program than the child itself (`cat` in the spool writer), and never evaluate an argument.
 *
 * Small records (`pid`, `exit`) are written by one `printf`, that is by one write(2): a reader takes them as valid only
 * with their LF, which makes them atomic without a rename and so without a fork that could fail.
 * Variables are named `_ah_*` because assigning to a name that came in with the environment would change the child's.
 */

/** A trapped signal is reset to its default in a child, an ignored one would be inherited. */
const OUTLIVE = "trap : HUP INT QUIT TERM PIPE";

/** Reads `/proc/$$/stat` of a shell started as `/bin/sh`: its name holds no space, so field 22 is the start time. */
const START_TICKS = (name: string): string => {
  const before = Array.from({ length: 21 }, () => "_ah_").join(" ");
  return `read -r ${before} ${name} _ah_ </proc/$$/stat`;
};

/**
 * argv: CHILD_SCRIPT dir kind input cgroup umask program args…
 * The child runs in the foreground: a background job of a non-interactive shell has SIGINT and SIGQUIT ignored and its
 * stdin at /dev/null. stderr goes nowhere because dash and bash report there how the child was killed.
 * The exit status takes the place of as many bytes that were written before: a disk that has become full still has
 * room for them, and where it is full already nothing is begun.
 * fd 3 is the pipe to the daemon, fd 9 the `alive` FIFO (read-write: opening never blocks), closed for the child.
 */
export const WRAPPER_SCRIPT = `
${OUTLIVE}
exec 9<>"$2/alive" || exit 1
${START_TICKS("_ah_start")} || exit 1
exec 3>&1 >/dev/null 2>/dev/null
printf '???\\n' >"$2/exit" || exit 1
/bin/sh -c "$1" ah-child "$$" "$_ah_start" "$@" 9<&-
printf '%03d\\n' "$?" 1<>"$2/exit"
`;

/**
 * argv: wrapperPid wrapperStart CHILD_SCRIPT dir kind input cgroup umask program args…
 * Opens everything first, then records itself, then becomes the program: whoever has seen the record can write to the
 * FIFO, and no program runs that is not recorded, or that another was before (125). The daemon that starts it hears the
 * record itself: what others do to the file must not make it take a program that ran for one that did not. 126/127: the
 * shell could not run the program. It traps only what a dead daemon's pipe would send: any other signal must end it as
 * it would end the program.
 */
export const CHILD_SCRIPT = `
trap : PIPE
exec 2>>"$4/err.log" >>"$4/out.jsonl" || exit 125
case $5 in
fifo) exec <>"$6" ;;
*) exec <"$6" ;;
esac || exit 125
if [ -n "$7" ]; then echo "$$" >"$7/cgroup.procs" || exit 125; fi
read -r _ah_boot </proc/sys/kernel/random/boot_id && ${START_TICKS("_ah_start")} || exit 125
_ah_said="v1 $_ah_boot $$ $_ah_start $1 $2 $AH_RUN_NONCE"
set -C
printf '%s\\n' "$_ah_said" >"$4/pid" || exit 125
set +C
printf '%s\\n' "$_ah_said" >&3 2>/dev/null
umask "$8"
shift 8
exec "$@" 3>&-
`;

/**
 * Copies one spooled line into the FIFO and outlives us. argv: COPY_SCRIPT line-file fifo state-file-prefix
 * The outer shell waits; the inner one records both and becomes `cat`, so the recorded pid is the one that writes, and
 * killing the outer shell alone never looks like an unwritten line that is still being written.
 * The file holds the line without its LF, which is written last and alone: before `.whole` stands, no program has
 * heeded any of it, and after that another LF does no harm. So a death at any moment leaves no doubt.
 * A file that somebody has put in the FIFO's place would take it all, and its program never hear of it.
 */
export const SPOOL_SCRIPT = `
${OUTLIVE}
${START_TICKS("_ah_start")} || exit 1
/bin/sh -c "$1" ah-spool "$$" "$_ah_start" "$2" "$3" "$4" &&
  printf 'whole\\n' >"$4.whole" && [ -p "$3" ] && printf '\\n' >"$3" && printf 'done\\n' >"$4.done"
`;

/**
 * argv: outerPid outerStart line-file fifo state-file-prefix. The record precedes the look for the line file: see
 * `spoolStatus`. The FIFO is opened behind both, for that waits for a reader, and there may be none any more: whoever
 * has taken the line away ends those who had found it.
 */
export const COPY_SCRIPT = `
read -r _ah_boot </proc/sys/kernel/random/boot_id && ${START_TICKS("_ah_start")} || exit 1
printf 'v1 %s %s %s %s %s\\n' "$_ah_boot" "$$" "$_ah_start" "$1" "$2" >"$5.pid" || exit 1
[ -p "$4" ] && [ -f "$3" ] && exec cat "$3" >"$4"
`;
