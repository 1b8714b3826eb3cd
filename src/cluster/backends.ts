/** The implementations behind interfaces that components run with on a real machine. */
export { nftables as nftablesBackend } from "../proxy/backends/nftables/nftables.ts";
