/** Unix seconds at which tests stand still: 2023-11-14T22:13:20Z. */
export const NOW = 1_700_000_000;
