/** Is this text an IP address? Without `node:net`, which would be loaded at every start for this question alone. */

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const V4 = new RegExp(`^${OCTET}(\\.${OCTET}){3}$`);

/** 0 = none. IPv6 without brackets; one with a zone (`fe80::1%eth0`) is none. */
export function isIP(text: string): 0 | 4 | 6 {
  if (V4.test(text)) return 4;
  return /^[0-9A-Fa-f:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]`) ? 6 : 0;
}
