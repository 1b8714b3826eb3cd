/** The implementations behind interfaces that components run with on a real machine. */

export { criRuntime } from "../kubelet/runtimes/cri/cri.ts";
export { nftables as nftablesBackend } from "../proxy/backends/nftables/nftables.ts";
