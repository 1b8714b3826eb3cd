/** As many nodes as the simulated addresses can tell apart. */
export const MOST_SIMULATED_NODES = 65_536;
