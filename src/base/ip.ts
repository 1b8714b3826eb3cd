/** Looking at IP addresses as text; no socket is opened. */
export { isIP, isIPv4, isIPv6 } from "node:net";
