/**
 * Why a program could not start: for want of something that will be there again in a moment (descriptors, memory,
 * disk, processes, a database or an id that another process still holds), or for a reason of its own? Nothing had been
 * written to it, so trying again costs nothing; but a program that is wrong is wrong every time, and a person should
 * hear of it at once.
 */
const LACKING =
  /\b(EMFILE|ENFILE|EAGAIN|ENOMEM|ENOSPC|EDQUOT|ETXTBSY|SQLITE_BUSY|SQLITE_LOCKED)\b|database (table )?is locked|too many open files|cannot (allocate memory|fork)|out of memory|no space left on device|resource temporarily unavailable|text file busy|session id \S+ is already in use/i;

export function isLacking(reason: string): boolean {
  return LACKING.test(reason);
}
